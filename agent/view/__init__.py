"""What people see of the daemon, wherever they look.

`overview` is one look at everything, `lessons` what became of each lesson (`offline`: told by a stopped agent's disk),
`outlook` whether the next one will be recorded, `verdict` whether all is well; `board` and `display` are for the
terminal.
"""

"""Cameras being recorded: what should run, made so, and what came of it.

`fleet` asks the schedule and tells each `channel`; a channel keeps a recorder process alive, one `session` after the
other, which `recorders` forks. What they say is taken in by `intake`, with the numbers of `indexes`; what a crash left
behind by `repairs`. `view` is a channel as people see it.
"""

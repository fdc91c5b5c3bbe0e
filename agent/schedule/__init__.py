"""What should run, and when: plain functions and small state machines.

`timetable` has the lessons, `reconciler` the wanted state of each channel, `plan` keeps it until it changes, `wakeups`
says when to ask again, `absence` what passed while nobody watched, `ledger` how much of a recording there is, `edits`
what an edit of channels and courses changes.
"""

"""The timeline of a day: per channel a bar with its lessons, what was recorded of them, and what is missing and why.

parts      a lesson cut into recorded, missing, unknown and coming time (no I/O)
view       a day read from the database
page       that as HTML
"""

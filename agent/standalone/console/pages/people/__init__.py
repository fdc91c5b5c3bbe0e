"""Who may sign in.

users    everybody, for administrators
account  the own password and browsers
actions  what may be done to accounts
"""

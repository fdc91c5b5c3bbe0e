"""The ledger of lessons: what was planned, what was recorded, what is missing and why; also as CSV.

table   the CSV file (no I/O)
page    the list, with its filter
"""

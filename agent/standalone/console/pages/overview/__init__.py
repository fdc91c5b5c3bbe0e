"""The first page: will the next lesson be recorded, what stands wrong, channels, today's lessons, agents.

outlook  the answer to the question (no I/O)
view     everything on the page, read from the database; other pages read channels and agents here too
page     that as HTML
"""

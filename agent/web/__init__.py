"""What the pages of the embedded server's console and of the daemon's local page have in common: one look.

markup     HTML from templates, every value escaped
words      what both say, in Chinese and in English
parts      page, channel card, a lesson with what it misses
serving    headers, style sheet and script over HTTP

A room of its own, because those two meet only over the wire: it knows neither.
"""

"""S3 and what speaks like it.

`storage` is the kind, `parts` sends large files, `begun` remembers those that broke off; `wire` is requests and
answers, `sigv4` signs them.
"""

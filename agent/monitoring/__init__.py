"""Whether what should be is.

`watch` looks twice a second, `alarms` are told once when they begin and once when they end; `readiness`, `metrics` and
`tally` are what monitoring asks for.
"""

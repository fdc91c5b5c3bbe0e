"""The gather protocol v1: what passes between an agent and a server, shared by both ends and by nothing else.

`models` are the bodies, `codes` the numbers, `frames` the relay's text frames.  `docs/protocol.md` is the text for
people.
"""

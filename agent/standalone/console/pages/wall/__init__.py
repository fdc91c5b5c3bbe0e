"""The live wall: the newest picture of every channel, live in place where somebody wants it."""

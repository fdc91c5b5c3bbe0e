"""gather-agent: the capture side of a lecture-recording cloud."""

__version__ = "0.1.0"

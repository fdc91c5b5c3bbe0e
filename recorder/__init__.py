"""The recording engine: from a camera to crash-safe slices.  Knows cameras and files; knows no server, no asyncio."""

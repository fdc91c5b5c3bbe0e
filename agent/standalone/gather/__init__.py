"""The agents' side of the server: gather protocol v1 (`docs/protocol.md`)."""

"""About the server itself.

interfaces  API v1: address, credential, description
changes     who changed what; told: its parameters as people say them (no I/O)
"""

"""The embedded server: API v1, the agents' relay, storage in a folder, and a console, on one SQLite file.

It meets the agents only over HTTP and websocket (`docs/protocol.md`), also when one command starts both.

    store     the database: schema, engine, first rows
    api       API v1, one module a family of endpoints
    gather    the agents' side: registration, relay, reports, uploads
    console   the pages for people
"""

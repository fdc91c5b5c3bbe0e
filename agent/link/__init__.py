"""The link to the server: `registration` over HTTP, `relay` over websocket, `reports` of what is uploaded; each heals
by itself.
"""

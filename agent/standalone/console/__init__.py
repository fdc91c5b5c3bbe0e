"""The pages for people: sign in, one page that says how it stands, and the player of a recording.

access     who may see them: session cookie, limit on attempts, requests from other sites
view       what the page shows, read from the database
render     that as HTML
pages      the routes
"""

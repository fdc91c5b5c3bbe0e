"""The local page: how it stands, read-only, on this machine; and what monitoring asks for beside it.

hosts      whom an answer may be given to
render     the views as HTML
words      what the page says beyond `agent.web.words`
server     the routes: page, pictures, /healthz, /readyz, /metrics
"""

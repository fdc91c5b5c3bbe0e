"""Which requests are answered. The page asks for no password, so that nobody from elsewhere may reach it by a trick.

DNS rebinding: a page from the internet gives its own name this machine's address, and the browser, which knows names
only, lets it read what is served here. Such a request carries that name in `Host`, where only an address or this
machine's own names belong.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit


def is_own_host(host: str, names: Collection[str]) -> bool:
    """Whether a `Host` header (RFC 9110, 7.2) names this machine: by an address, as localhost, or by one of `names`."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if host.count("@") or not name:
        return False
    name = name.rstrip(".")
    if name == "localhost" or name in {own.lower().rstrip(".") for own in names}:
        return True
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True

"""The pages, in the order of the menu."""

from __future__ import annotations

from agent.standalone.console.pages import overview
from agent.standalone.console.site import Page

PAGES: tuple[Page, ...] = (overview.PAGE,)

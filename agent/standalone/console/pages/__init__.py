"""The pages, in the order of the menu."""

from __future__ import annotations

from agent.standalone.console.pages.catalogue import page as catalogue
from agent.standalone.console.pages.day import page as day
from agent.standalone.console.pages.ledger import page as ledger
from agent.standalone.console.pages.overview import page as overview
from agent.standalone.console.pages.people import account, users
from agent.standalone.console.pages.recorders import channel, settings
from agent.standalone.console.pages.recorders import page as recorders
from agent.standalone.console.pages.recordings import page as recordings
from agent.standalone.console.pages.server import changes, interfaces
from agent.standalone.console.pages.storage import page as storage
from agent.standalone.console.pages.wall import page as wall
from agent.standalone.console.pages.week import page as week
from agent.standalone.console.site import Page

PAGES: tuple[Page, ...] = (
    overview.PAGE,
    week.PAGE,
    day.PAGE,
    ledger.PAGE,
    recordings.PAGE,
    wall.PAGE,
    recorders.PAGE,
    settings.PAGE,
    channel.PAGE,
    catalogue.PAGE,
    storage.PAGE,
    users.PAGE,
    account.PAGE,
    interfaces.PAGE,
    changes.PAGE,
)

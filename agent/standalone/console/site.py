"""How the console is made of pages, and how one is added.

A page is one module in `pages/` with a `PAGE`, entered in `pages/__init__.py`:

    async def view(visit: Visit) -> Markup: ...          # what stands on it, usually html(asset("x.html", __package__))
    PAGE = Page("/console/x", ("中文", "English"), view, words={"some_key": ("…", "…")}, script="x.js")

- `view` is only called for somebody who is signed in (`visit.person`), with `administrators_only` for an administrator.
  It reads with `await visit.read(function, ...)`: the function gets a database session first, in one transaction.
- `visit.words["some_key"]` says it in the visitor's language: the page's own words, the console's, `agent.web.words`.
- `refreshes`: the browser asks for `view` anew every five seconds and replaces the page's main part, unless somebody is
  typing in it. What must stay (dialogs, forms, canvases) comes from `beside`, which is asked once.
- `data`: `{"week": function}` answers `GET /console/x/week` with the function's value as JSON.
  A function may also return a whole response (a file to download), and its name may be a pattern of aiohttp's.
- `room`: the package of the page's files, for a page that is a package of its own.
- `script`, `style`, further `assets`: files in that room, served as `/console/assets/<name>`: an ES module, which may
  `import { act, say } from "./act.js"`, and a style sheet. The policy forbids inline scripts and `style=` in HTML; the
  DOM's `element.style.left = ...` is allowed.
- Changes go to `POST /console/do/<endpoint of API v1>` (`do.py`), from scripts by `act(endpoint, values)`, from HTML by
  `<form data-do="mod_x">` with the endpoint's parameters as fields: the answer's sentence appears in the form, the
  field at fault is marked, and what was typed stays. `data-after="/console/y"` goes there when it is done (default: the
  same page again), `data-sure="question"` asks first; `fields` makes them. What is no endpoint of API v1 is one of the
  page's `actions`, or of its `changes` where a recorder has to carry it out.
- Viewers see `view` as well: show forms only to `visit.is_administrator`. The server refuses their changes anyway.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.standalone.api.call import Change
from agent.standalone.api.params import Param, Params
from agent.standalone.console.visit import Visit
from agent.web.markup import Markup
from agent.web.words import Table

View = Callable[[Visit], Awaitable[Markup]]


@dataclass(frozen=True, slots=True)
class Action:
    """A change that API v1 has no endpoint for. `work` returns the answer's further fields, or raises `ApiError` or
    `Refused`. `for_everyone`: also viewers may (their own password, for instance).
    """

    name: str
    work: Callable[[Visit, Params], Awaitable[dict[str, Any]]]
    params: tuple[Param, ...] = ()
    for_everyone: bool = False


class Refused(Exception):
    """An action that is not done, with the sentence that says why (Chinese, English); `field` is the parameter at
    fault.
    """

    def __init__(self, why: tuple[str, str], field: str = "") -> None:
        super().__init__(why[1])
        self._why, self.field = why, field

    def sentence(self, language: str) -> str:
        """Why, in a language."""
        return self._why[language == "en"]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the console; `title` is Chinese and English, as it stands in the menu.

    `under` is the path of the menu's entry that a page without one belongs to.  `changes` are done like API v1's
    endpoints and are none.
    """

    path: str
    title: tuple[str, str]
    view: View
    words: Table = field(default_factory=dict)
    beside: View | None = None
    refreshes: bool = False
    data: Mapping[str, Callable[[Visit], Awaitable[Any]]] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    changes: tuple[Change, ...] = ()
    script: str = ""
    style: str = ""
    assets: tuple[str, ...] = ()
    room: str = "agent.standalone.console.pages"
    administrators_only: bool = False
    under: str = ""

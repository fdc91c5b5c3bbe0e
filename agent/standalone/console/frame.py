"""What stands around every page: head, menu, who is signed in."""

from __future__ import annotations

from collections.abc import Sequence

from agent.standalone.console.site import Page
from agent.standalone.console.visit import Visit
from agent.web import parts
from agent.web.markup import Markup, asset, html, joined


def framed(page: Page, pages: Sequence[Page], visit: Visit, main: Markup, beside: Markup) -> Markup:
    """The whole page."""
    words, name = visit.words, visit.services.settings.name
    title = words[page.path]
    body = html(
        asset("frame.html", __package__),
        name=name,
        title=title,
        menu=words["menu"],
        items=joined(_item(one, page, visit) for one in pages if not one.under and _may(one, visit)),
        person=visit.person.name,
        role=words[visit.person.role],
        form_token=visit.form_token,
        sign_out=words["sign_out"],
        other=words.other,
        other_language=words["other_language"],
        disconnected=words["disconnected"],
        source=html(' data-from="{path}"', path=_part(visit)) if page.refreshes else Markup(),
        main=main,
        beside=beside,
        yes=words["yes"],
        no=words["no"],
    )
    return parts.page(f"{title} · {name}", words, body, _head(page, visit))


def _may(page: Page, visit: Visit) -> bool:
    return visit.is_administrator or not page.administrators_only


def _item(one: Page, current: Page, visit: Visit) -> Markup:
    here = Markup(' aria-current="page"') if one.path in (current.path, current.under) else Markup()
    return html('<li><a href="{path}"{here}>{text}</a></li>', path=one.path, here=here, text=visit.words[one.path])


def _part(visit: Visit) -> str:
    return str(visit.request.rel_url.update_query(part="1"))


def _head(page: Page, visit: Visit) -> Markup:
    return joined(
        [
            html('<meta name="form-token" content="{token}">', token=visit.form_token),
            Markup('<link rel="stylesheet" href="/console/assets/site.css">'),
            html('<link rel="stylesheet" href="/console/assets/{name}">', name=page.style) if page.style else Markup(),
            Markup('<script type="module" src="/console/assets/site.js"></script>'),
            html('<script type="module" src="/console/assets/{name}"></script>', name=page.script)
            if page.script
            else Markup(),
        ]
    )

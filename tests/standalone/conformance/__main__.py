"""`make conformance`: makes every call and writes docs/api-v1-conformance.md."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.standalone.conformance.observing import observe
from tests.standalone.conformance.table import FILE, ORDER, page
from tests.standalone.conformance.world import make_template


async def main() -> None:
    """Observe and write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        template = await make_template(folder / "template")
        observed = {one.name: await observe(one, template, folder / one.name) for one in ORDER}
    FILE.write_text(page(observed), encoding="utf-8")
    print(f"{FILE.name}: {sum(map(len, observed.values()))} calls in each form")


asyncio.run(main())

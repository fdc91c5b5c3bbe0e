"""The upload table of docs/storage.md: `python -m tests.agent.storage.table` runs every scenario and writes it anew."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.agent.storage.scenarios import SCENARIOS, Bench
from tests.agent.storage.stands import Stand, dav_stand, fastdfs_stand, folder_stand, http_stand, s3_stand
from tests.servers.dav_nginx import dav_server
from tests.servers.s3_moto import s3_server

DOCUMENT = Path(__file__).parents[3] / "docs/storage.md"
BEGIN, END = "<!-- begin of the table -->", "<!-- end of the table -->"
STANDS = ("folder", "server (HTTP)", "S3", "WebDAV", "FastDFS")


OpenStand = Callable[[Path], contextlib.AbstractAsyncContextManager[Stand]]


@contextlib.asynccontextmanager
async def bench_of(folder: Path, open_stand: OpenStand) -> AsyncIterator[Bench]:
    """A stand with a folder of files, closed in the end with everything that was made of it."""
    files = folder / "files"
    files.mkdir()
    async with open_stand(folder) as stand:
        try:
            yield Bench(stand, files)
        finally:
            for one in stand.made:
                await one.close()


def documented() -> dict[tuple[str, str], str]:
    """The cells that stand in the document, by scenario and stand."""
    table = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.strip().splitlines()[2:]]
    return {(row[0], stand): cell for row in rows for stand, cell in zip(STANDS, row[1:], strict=True)}


async def _run() -> dict[tuple[str, str], str]:
    cells = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("s3", "dav"):
            (folder / name).mkdir()
        s3 = stack.enter_context(s3_server(folder / "s3"))
        dav = stack.enter_context(dav_server(folder / "dav"))
        ways: dict[str, OpenStand] = {
            "folder": folder_stand,
            "server (HTTP)": http_stand,
            "S3": lambda _: s3_stand(s3),
            "WebDAV": lambda _: dav_stand(dav),
            "FastDFS": fastdfs_stand,
        }
        for number, (title, scenario) in enumerate(SCENARIOS.items()):
            for name, open_stand in ways.items():
                place = folder / f"{number}-{name}"
                place.mkdir()
                async with bench_of(place, open_stand) as bench:
                    cells[title, name] = await scenario(bench)
                print(f"{title} | {name} | {cells[title, name]}")
    return cells


def main() -> None:
    """Write the table."""
    cells = asyncio.run(_run())
    lines = [f"| | {' | '.join(STANDS)} |", "|---" * (len(STANDS) + 1) + "|"]
    lines += [f"| {title} | {' | '.join(cells[title, stand] for stand in STANDS)} |" for title in SCENARIOS]
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

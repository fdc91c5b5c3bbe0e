"""JSON Schemas of every body, generated from the models: `python -m agent.wire.schemas [folder]` writes
`docs/schemas`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from agent.wire.commands import COMMANDS
from agent.wire.models import (
    Answer,
    Command,
    EventFrame,
    Hello,
    RecordReport,
    RegisterReply,
    RegisterRequest,
    Reply,
    SnapshotReport,
    StatusReport,
    StoredFile,
    Sync,
    WireModel,
)

BODIES: tuple[type[WireModel], ...] = (
    RegisterRequest,
    RegisterReply,
    Hello,
    Sync,
    Command,
    Answer,
    EventFrame,
    RecordReport,
    SnapshotReport,
    StatusReport,
    Reply,
    StoredFile,
)
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """The text of each schema file, by its name."""
    return dict(_files())


def _files() -> Iterator[tuple[str, str]]:
    for model in BODIES:
        yield f"{_snake(model.__name__)}.json", _text(model)
    for command, model in COMMANDS.items():
        yield f"command_{command}.json", _text(model)


def _text(model: type[WireModel]) -> str:
    schema = {"$schema": DIALECT, **model.model_json_schema()}
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def main(folder: Path) -> None:
    """Bring the folder up to date; files that are no schema any more go."""
    current = schemas()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.json"):
        if path.name not in current:
            path.unlink()
    for name, text in current.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/schemas"))

"""The JSON Schemas in the documentation are those of the models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.wire.commands import COMMANDS
from agent.wire.schemas import main, schemas

DOCS = Path(__file__).parents[3] / "docs"


def test_the_documented_schemas_are_current() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "schemas").glob("*.json")}
    assert written == schemas(), "run: python -m agent.wire.schemas"


def test_every_schema_and_command_is_in_the_text() -> None:
    text = (DOCS / "protocol.md").read_text(encoding="utf-8")
    for name in schemas():
        assert f"schemas/{name}" in text, name
    for command in COMMANDS:
        assert f"`{command}`" in text, command


def test_writing_removes_what_is_no_schema_any_more(tmp_path: Path) -> None:
    (tmp_path / "gone.json").write_text("{}")
    main(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(schemas())


@pytest.mark.parametrize("name", sorted(schemas()))
def test_schemas_are_json_of_the_dialect(name: str) -> None:
    schema = json.loads(schemas()[name])
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["type"] == "object"

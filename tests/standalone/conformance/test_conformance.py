"""Every endpoint of API v1 against its document, and the published table against the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.standalone.api.call import Change, Endpoint
from agent.standalone.api.dispatch import ENDPOINTS
from agent.standalone.settings import ServerSettings
from tests.standalone.conformance.conftest import OnPostgres
from tests.standalone.conformance.document import DEVIATIONS, DOCUMENT, Written
from tests.standalone.conformance.observing import observe, observe_form
from tests.standalone.conformance.table import FILE, ORDER, row, section
from tests.standalone.conformance.world import Template

_ADDED_CODES = {"access_token": {1005}}


def test_every_documented_endpoint_is_there() -> None:
    assert len(DOCUMENT) == 32
    assert {endpoint.name: endpoint.section for endpoint in ENDPOINTS} == {
        name: written.section for name, written in DOCUMENT.items()
    }


@pytest.mark.parametrize("endpoint", ORDER, ids=lambda endpoint: endpoint.name)
async def test_endpoint(endpoint: Endpoint | Change, template: Template, tmp_path: Path) -> None:
    found = await observe(endpoint, template, tmp_path)
    seen = {one.code for one in found} - {0, 405}
    assert seen == {int(code) for code in endpoint.codes}, "every code it may answer with was seen, and no other"
    published = FILE.read_text(encoding="utf-8")
    assert row(endpoint.name, found) in published, "make conformance"
    assert section(endpoint.name, found) in published + "\n", "make conformance"


@pytest.mark.integration
@pytest.mark.parametrize("endpoint", ORDER, ids=lambda endpoint: endpoint.name)
async def test_endpoint_on_postgresql(
    endpoint: Endpoint | Change, on_postgres: OnPostgres, template: Template, tmp_path: Path
) -> None:
    copy = on_postgres.server.database(on_postgres.database)
    settings = ServerSettings(tmp_path / "copy", timezone="Asia/Shanghai", database_url=copy)
    here = ServerSettings(tmp_path / "sqlite", timezone="Asia/Shanghai")
    found = await observe_form(endpoint, on_postgres.template, settings, "query")
    assert found == await observe_form(endpoint, template, here, "query")


@pytest.mark.parametrize("endpoint", ORDER, ids=lambda endpoint: endpoint.name)
def test_what_differs_from_the_document_is_named(endpoint: Endpoint | Change) -> None:
    written = DOCUMENT[endpoint.name]
    params = {param.name: param.missing is not None for param in endpoint.all_params}
    assert set(written.required.split()) <= set(params)
    assert set(written.optional.split()) <= {name for name, required in params.items() if not required}
    answers = {*endpoint.answers, *(("transmit",) if isinstance(endpoint, Change) else ())}
    assert set(written.answers.split()) <= answers
    assert list(written.rows.split()) == [name for name in endpoint.rows if name in written.rows.split()]
    differs = _beyond(endpoint, written, params, answers)
    assert bool(differs) == (endpoint.name in DEVIATIONS), differs


def _beyond(endpoint: Endpoint | Change, written: Written, params: dict[str, bool], answers: set[str]) -> set[str]:
    """Names and codes in which the endpoint is not what is written."""
    required = {name for name, needed in params.items() if needed} - {"token"}
    names = {*written.required.split(), *written.optional.split(), "token"}
    codes = {f"code {int(code)}" for code in endpoint.codes} ^ {f"code {code}" for code in written.codes.split()}
    fields = (answers | set(endpoint.rows)) - {*written.answers.split(), *written.rows.split()}
    return (set(params) - names) | (required ^ set(written.required.split())) | codes | fields

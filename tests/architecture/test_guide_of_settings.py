"""docs/operate.md explains every setting and every rate class where it names them, with the defaults of the code; its tables are whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo
from tests.architecture.test_every_setting_acts import sections_in

from meridian.contract.catalog import batch_rpcs, walked_rpcs
from meridian.contract.rates import RATES
from meridian.domain.gates import LINE_SECONDS, PACING, PATIENCE_SECONDS, WORKING_MAX, GateName
from meridian.domain.waiting_line import LEAST
from meridian.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CELL = re.compile(r"(?<!\\)\|")
SAID_IN_WORDS = {"audit.otlp.ca", "tracing.ca", "audit.s3.endpoint", "audit.s3.storage_region", "aws.trusted_proxies", "limits"}
"""Settings whose default is said in words."""


def tables(page: Path) -> Iterator[list[list[str]]]:
    """The rows of each table, each cut into cells; no row of what is shown as code."""
    rows: list[list[str]] = []
    is_code = False
    for line in [*page.read_text().splitlines(), ""]:
        is_code ^= line.startswith("```")
        if line.startswith("|") and not is_code:
            rows.append([cell.strip() for cell in CELL.split(line)[1:]])
        elif rows:
            yield rows
            rows = []


def table_of(first: str) -> list[list[str]]:
    (found,) = [rows for rows in tables(ROOT / "docs" / "operate.md") if rows[0][0] == first]
    return found[2:]


def declared(model: Any, prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        inner = sections_in(field.annotation)
        for section in inner:
            yield from declared(section, f"{prefix}{name}.")
        if not inner:
            yield prefix + name, field


def written() -> dict[str, tuple[str, str]]:
    """Default and explanation of every setting; a row may have several, with as many defaults."""
    found: dict[str, tuple[str, str]] = {}
    for names, defaults, text, _ in table_of("setting"):
        each = [name.strip("` ") for name in names.split(",")]
        values = defaults.split(", ") if len(each) > 1 and defaults else [defaults] * len(each)
        assert len(values) == len(each), names
        found |= {name: (value, text) for name, value in zip(each, values, strict=True)}
    return found


def shown(value: object) -> str:
    """A default as the guide writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) else str(value).removesuffix(".0")


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.name)
def test_every_row_of_a_table_has_as_many_cells_as_its_head(page: Path) -> None:
    for rows in tables(page):
        assert len(rows) > 2, f"{page.name}: a table without rows: {rows}"
        assert {re.sub(r"[-: ]", "", cell) for cell in rows[1]} == {""}, f"{page.name}: {rows[0]} has no line under it"
        assert [row for row in rows if len(row) != len(rows[0]) or row[-1]] == [], page.name


@pytest.mark.parametrize(("name", "field"), list(declared(Settings, "")), ids=lambda value: value if isinstance(value, str) else "")
def test_a_setting_is_explained_with_its_default(name: str, field: FieldInfo) -> None:
    if name == "limits":
        return  # each of them is compared with the table of what acts
    default, text = written()[name]
    assert len(text.split()) > 1
    if name in SAID_IN_WORDS:
        assert default
    elif field.is_required() or field.get_default(call_default_factory=True, validated_data={}) in (None, {}, ()):
        assert default == ""
    else:
        assert default == shown(field.default)


def test_no_setting_is_explained_by_the_source() -> None:
    assert [name for name, (default, text) in written().items() if re.search(r"\.py\b|service/", default + text)] == []
    guide = (ROOT / "docs" / "operate.md").read_text()
    assert re.findall(r"`service/[^`]*`", guide) == []


def test_every_rate_class_is_explained_with_its_rate() -> None:
    (found,) = [rows for rows in tables(ROOT / "docs" / "operate.md") if rows[0][:3] == ["class", "calls", "per second"]]
    rows = {row[0].strip("`"): row for row in found[2:]}
    alone = {name: rate for name, rate in RATES.items() if not name.startswith("data_key_pair_")}
    assert {name: row[2] for name, row in rows.items() if "<" not in name} == {name: f"{rate:,}" for name, rate in alone.items()}
    for rpc in (walked_rpcs() | batch_rpcs()).values():
        if not rpc.algorithm_fields:
            assert rpc.name in rows[rpc.rate][1] or rpc.rate in ("symmetric", "ecc", "post_quantum"), rpc.name


def test_the_room_of_calls_is_told_as_the_gates_have_it() -> None:
    guide = " ".join((ROOT / "docs" / "operate.md").read_text().split())
    late = {name: (f"{pacing.late_seconds * 1000:.0f} ms", pacing.working_least) for name, pacing in PACING.items()}
    symmetric, management = late[GateName.SYMMETRIC], late[GateName.MANAGEMENT]
    most = 2 * WORKING_MAX[GateName.SYMMETRIC](1)
    assert f"of `symmetric` from {symmetric[0]} on, {symmetric[1]} at least" in guide
    assert f"of `management` from {management[0]} on, {management[1]} at least" in guide
    assert f"no more than are served in {LINE_SECONDS * 1000:.0f} ms, {most // LEAST} at least" in guide
    assert f"has waited for {PATIENCE_SECONDS} seconds" in guide

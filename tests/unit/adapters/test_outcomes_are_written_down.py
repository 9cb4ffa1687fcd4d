"""The page on external key stores tells of each failure what the table says, row for row."""

from __future__ import annotations

import re
from pathlib import Path

from meridian.adapters.xks_proxy.outcomes import NAMED_BY_PROXIES, TABLE, Outcome
from meridian.transport.error_table import TABLE as ERRORS

PAGE = Path(__file__).parents[3] / "docs" / "external-key-stores.md"
WORDS = {
    "no answer in time": Outcome.TIMED_OUT,
    "no address, a forbidden one, or no connection": Outcome.UNREACHABLE,
    "no TLS connection": Outcome.TLS,
    "an answer that cannot be interpreted, or lies": Outcome.MALFORMED,
    "every key manager UNAVAILABLE": Outcome.ALL_UNAVAILABLE,
    "opened something else than was sealed": Outcome.INNER,
    "(the store was made before secrets were kept)": Outcome.NO_CREDENTIAL,
    "(the endpoint service is not in the settings)": Outcome.NO_SERVICE,
    "(the endpoint service has another host)": Outcome.OTHER_SERVICE,
}
"""What the page calls the outcomes that no proxy names."""


def rows() -> dict[Outcome, tuple[str, str, str]]:
    section = PAGE.read_text().partition("## What failures are called")[2].partition("\n## ")[0]
    cells = [
        tuple(cell.strip() for cell in line.strip("|").split("|")) for line in section.splitlines() if re.match(r"\| (?!at the)", line)
    ]
    found = [(WORDS.get(name) or Outcome(name), rest) for name, *rest in cells if not name.startswith("-")]
    assert len(found) == len(dict(found)), "each once"
    return {outcome: (store, connection, create_key) for outcome, (store, connection, create_key) in found}


def test_each_outcome_is_on_the_page_as_it_is_in_the_table() -> None:
    assert rows() == {outcome: (row.store.__name__, row.connection, row.create_key.__name__) for outcome, row in TABLE.items()}
    assert set(TABLE) == set(Outcome)
    assert set(WORDS.values()) == set(Outcome) - NAMED_BY_PROXIES


def test_each_outcome_has_a_text_of_its_own_and_exceptions_that_the_wire_knows() -> None:
    assert len({row.text for row in TABLE.values()}) == len(TABLE)
    assert {each for row in TABLE.values() for each in (row.store, row.create_key)} <= set(ERRORS)

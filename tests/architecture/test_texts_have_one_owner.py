"""Texts that more than one place needs are written in one."""

from __future__ import annotations

from pathlib import Path

import pytest

import meridian

SERVICE = Path(meridian.__file__).parent

OWNERS = {
    '"(new)"': "domain/key.py",
    "Key policy is longer than": "authorization/sets/key_policies.py",
    "The ciphertext refers to a customer master key": "pipeline/resolve.py",
}
"""THE table of such texts, and the file that owns each."""


@pytest.mark.parametrize("text", OWNERS)
def test_a_text_is_written_by_its_owner_alone(text: str) -> None:
    found = [(str(path.relative_to(SERVICE)), path.read_text().count(text)) for path in sorted(SERVICE.rglob("*.py"))]
    assert [each for each in found if each[1]] == [(OWNERS[text], 1)]

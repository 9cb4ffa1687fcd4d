"""What the vector tests share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def known() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((HERE / "meridian" / "ciphertext_v1.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def wycheproof() -> Any:
    def load(name: str) -> Any:
        return json.loads((HERE / "wycheproof" / f"{name}_test.json").read_text())

    return load

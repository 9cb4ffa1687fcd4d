"""How the searches run."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """A search makes millions of values and no cycles; to look for cycles among them takes as long as the search."""
    gc.disable()
    yield
    gc.enable()
    gc.collect()

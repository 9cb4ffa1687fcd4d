"""Fixtures for pytest: `pytest_plugins = ["meridian.testing.pytest_fixtures"]` in a conftest brings them.

`meridian_region` is a Region for the whole session, `meridian_kms` a client of it that may do everything in its account. Tests share both:
each makes its own keys.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meridian.client import Client
from meridian.testing.running_region import RunningRegion, region


@pytest.fixture(scope="session")
def meridian_region() -> Iterator[RunningRegion]:
    """A Region that serves for the whole session."""
    with region() as running:
        yield running


@pytest.fixture(scope="session")
def meridian_kms(meridian_region: RunningRegion) -> Iterator[Client]:
    """A client of that Region."""
    with meridian_region.client() as kms:
        yield kms

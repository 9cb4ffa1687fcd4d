"""A seal that would not open is told at the start, while another one still opens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs
from tests.ports import free_port

from meridian.adapters.store_sql.store import SqlStore
from meridian.administration.database import initialise
from meridian.bootstrap.database import stored_identity
from meridian.bootstrap.spare_seals import SealMetrics, try_seals
from meridian.cli.dev_folder import DevFolder
from meridian.settings import Settings, load_settings

PASSPHRASE = '[[seals]]\nprovider = "passphrase"\npassphrase_file = "phrase"\ntime_cost = 3\nmemory_kib = 65536\nparallelism = 1\n'


def write_phrase(file: Path, text: str) -> None:
    file.write_text(f"{text}\n")
    file.chmod(0o600)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Settings of a Region, not initialised yet, with the file of a passphrase beside them."""
    folder = DevFolder(tmp_path, ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    write_phrase(folder.places[0].folder / "phrase", "correct horse battery staple")
    return folder.places[0].settings


def with_passphrase(file: Path) -> Settings:
    file.write_text(file.read_text().replace("[audit]\n", f"{PASSPHRASE}[audit]\n", 1))
    return load_settings(file)


async def looked_at(settings: Settings) -> tuple[list[str], str]:
    """What the log warns of, and what the metric says."""
    store = SqlStore.connect(settings.database)
    try:
        with capture_logs() as logged:
            metrics = SealMetrics(await try_seals(store, await stored_identity(store, settings), settings))
    finally:
        await store.close()
    registry = CollectorRegistry()
    registry.register(metrics)
    return [f"{each['provider']}: {each['reason']}" for each in logged], generate_latest(registry).decode()


def sound(file: Path) -> None:
    """Nothing is wrong."""


def another_phrase(file: Path) -> None:
    write_phrase(file.parent / "phrase", "another")


def no_phrase(file: Path) -> None:
    (file.parent / "phrase").unlink()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [(sound, ""), (another_phrase, "the passphrase seal does not open"), (no_phrase, "passphrase file {phrase}: No such file")],
)
def test_each_of_two_seals_is_tried(file: Path, spoil: Callable[[Path], None], told: str) -> None:
    settings = with_passphrase(file)
    asyncio.run(initialise(settings))
    spoil(file)
    warned, metrics = asyncio.run(looked_at(settings))
    assert 'meridian_seal_opens{provider="file"} 1.0' in metrics
    assert f'meridian_seal_opens{{provider="passphrase"}} {0.0 if told else 1.0}' in metrics
    assert len(warned) == (1 if told else 0)
    assert told.format(phrase=file.parent / "phrase") in "".join(warned)


def test_a_seal_that_was_named_but_seals_nothing_is_told(file: Path) -> None:
    asyncio.run(initialise(load_settings(file)))
    warned, metrics = asyncio.run(looked_at(with_passphrase(file)))
    assert warned == ["passphrase: no root key is sealed under a passphrase seal: run `meridian region rotate-root`"]
    assert 'meridian_seal_opens{provider="passphrase"} 0.0' in metrics

"""Budgets of connections fit into the open files that the process may have."""

from __future__ import annotations

import pytest

from meridian.transport.budgets import CONNECTIONS_MIN, FILES_KEPT, fitting

WANTED = {"grpc": 4096, "peer": 4096, "aws": 2048, "admin": 64}


def test_what_fits_is_given() -> None:
    total = sum(WANTED.values())
    assert fitting(WANTED, total + FILES_KEPT) == WANTED
    assert fitting(WANTED, total + FILES_KEPT - 1) != WANTED


@pytest.mark.parametrize("open_files", [1024, 4096, 8192])
def test_what_does_not_fit_is_cut_for_all(open_files: int) -> None:
    given = fitting(WANTED, open_files)
    assert sum(given.values()) <= open_files - FILES_KEPT
    assert all(CONNECTIONS_MIN <= given[name] <= wanted for name, wanted in WANTED.items())
    assert given["grpc"] > given["aws"] > given["admin"]


def test_every_listener_keeps_a_few() -> None:
    assert set(fitting(WANTED, 64).values()) == {CONNECTIONS_MIN}

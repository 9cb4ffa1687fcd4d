"""Faults of files at the start are told with their folder, and with what helps."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from meridian.bootstrap.startup import REMEDIES, StartupError, naming, writing_to

FOLDER = Path("/srv/audit")


def told(fault: OSError) -> str:
    with pytest.raises(StartupError) as started, naming("audit.directory"), writing_to(FOLDER):
        raise fault
    return str(started.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS])
def test_what_can_be_mended_is_said(number: int) -> None:
    assert told(OSError(number, os.strerror(number))) == f"audit.directory: {FOLDER}: {os.strerror(number)}; {REMEDIES[number]}"


def test_a_file_is_named_where_it_is_known_and_no_number_is() -> None:
    assert told(OSError(errno.EIO, "Input/output error", "/srv/audit/x")) == "audit.directory: /srv/audit/x: Input/output error"
    assert told(OSError("the audit directory is in use")) == "audit.directory: the audit directory is in use"

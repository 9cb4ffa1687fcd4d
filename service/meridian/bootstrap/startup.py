"""Why a Region does not start, said in one line that begins with the setting that is meant."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from meridian.adapters.store_sql.schema import SchemaError
from meridian.audit.segments import DamagedSegmentError
from meridian.authorization.language.evaluator import PolicySyntaxError
from meridian.authorization.language.self_test import UnsoundEvaluatorError
from meridian.authorization.sets.policy_files import PolicySetError
from meridian.domain.fault_places import file_fault
from meridian.engine.seals import SealError
from meridian.engine.secret_files import FileFault
from meridian.errors import KmsError
from meridian.pipeline.binding import BindingError
from meridian.transport.grpc_server import ListenError

FAULTS: Final = (
    SealError,
    SchemaError,
    DamagedSegmentError,
    PolicySetError,
    PolicySyntaxError,
    UnsoundEvaluatorError,
    FileFault,
    BindingError,
    ListenError,
    KmsError,
    OSError,
    ValueError,
)


REMEDIES: Final = {
    errno.ENOSPC: "make room on its disk, or move old streams away whole, with their digests",
    errno.EDQUOT: "make room in the user's quota, or move old streams away whole, with their digests",
    errno.EACCES: "give it to the user of the process",
    errno.EPERM: "give it to the user of the process",
    errno.EROFS: "mount its disk for writing",
}
"""What helps where an audit directory cannot be written."""


class StartupError(Exception):
    """The Region cannot start; the message says why, beginning with the setting that is meant."""


@contextlib.contextmanager
def naming(setting: str) -> Iterator[None]:
    """What is wrong in here is wrong with this setting. Raises: StartupError that names it."""
    try:
        yield
    except FAULTS as fault:
        raise StartupError(f"{setting}: {text_of(fault)}") from fault


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """What cannot be written in here is told with the folder, and with what helps. Raises: OSError."""
    try:
        yield
    except OSError as fault:
        if fault.strerror is None:
            raise
        place = fault.filename or folder
        remedy = f"; {REMEDIES[fault.errno]}" if fault.errno in REMEDIES else ""
        raise OSError(f"{place}: {fault.strerror}{remedy}") from fault


def text_of(fault: BaseException) -> str:
    """What an operator reads of a fault."""
    if isinstance(fault, OSError) and fault.strerror:
        return file_fault(fault)
    if isinstance(fault, KmsError):
        return f"{fault.code}: {fault.message} {fault.reason}".strip()
    if isinstance(fault, OSError) and fault.filename is not None:
        return f"{fault.filename}: {fault.strerror}"
    return str(fault) or type(fault).__name__

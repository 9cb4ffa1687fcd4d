"""Why a Region does not start, said in one line that begins with the setting that is meant."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from meridian.adapters.store_sql.schema import SchemaError
from meridian.audit.segments import DamagedSegmentError
from meridian.authorization.evaluator import PolicySyntaxError
from meridian.authorization.policy_files import PolicySetError
from meridian.authorization.self_test import UnsoundEvaluatorError
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


class StartupError(Exception):
    """The Region cannot start; the message says why, beginning with the setting that is meant."""


@contextlib.contextmanager
def naming(setting: str) -> Iterator[None]:
    """What is wrong in here is wrong with this setting. Raises: StartupError that names it."""
    try:
        yield
    except FAULTS as fault:
        raise StartupError(f"{setting}: {text_of(fault)}") from fault


def text_of(fault: BaseException) -> str:
    """What an operator reads of a fault."""
    if isinstance(fault, KmsError):
        return f"{fault.code}: {fault.message} {fault.reason}".strip()
    if isinstance(fault, OSError) and fault.filename is not None:
        return f"{fault.filename}: {fault.strerror}"
    return str(fault) or type(fault).__name__

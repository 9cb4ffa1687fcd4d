"""Changes of a key: each is shown what it does, typed the key's id for, and then a call like any other, with its own permission."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from google.protobuf.message import Message
from starlette.responses import Response

from meridian.console.visit import Visit, redirect
from meridian.contract.operation import Operation
from meridian.errors import AccessDeniedException, NotFoundException, ValidationException
from meridian.kms.v1.keys_pb2 import (
    CancelKeyDeletionRequest,
    DescribeKeyRequest,
    DisableKeyRequest,
    EnableKeyRequest,
    ScheduleKeyDeletionRequest,
)
from meridian.kms.v1.rotation_pb2 import RotateKeyOnDemandRequest
from meridian.transport.http1.form import Form

TYPED: Final = "typed"
DONE: Final = "done"
DAYS: Final = "days"
DAYS_DIGITS_MAX: Final = 4
OFF: Final = "Changes are switched off in this console; the command line and the API make them."


@dataclass(frozen=True, slots=True)
class Write:
    """A change."""

    operation: Operation
    label: str
    """Of its button."""
    effect: str
    """What comes of it."""
    states: tuple[str, ...]
    """Of keys that it is offered for."""
    request: Callable[[str, Form], Message]
    """Of the key's id and the form. Raises: ValidationException."""
    is_grave: bool = False
    asks_days: bool = False


def _deletion(key_id: str, form: Form) -> Message:
    days = form.get(DAYS, "")
    if not (days.isascii() and days.isdigit() and len(days) <= DAYS_DIGITS_MAX):
        raise ValidationException("The days until the deletion must be a whole number.")
    return ScheduleKeyDeletionRequest(key_id=key_id, pending_window_in_days=int(days))


WRITES: Final[Mapping[str, Write]] = {
    "enable": Write(
        Operation.ENABLE_KEY, "Enable", "The key can be used again.", ("Disabled",), lambda key_id, form: EnableKeyRequest(key_id=key_id)
    ),
    "disable": Write(
        Operation.DISABLE_KEY,
        "Disable",
        "Nobody can use the key until it is enabled again: what is encrypted under it cannot be read meanwhile.",
        ("Enabled",),
        lambda key_id, form: DisableKeyRequest(key_id=key_id),
        is_grave=True,
    ),
    "rotate": Write(
        Operation.ROTATE_KEY_ON_DEMAND,
        "Rotate now",
        "The key gets new material. What was encrypted before can still be decrypted. A key can be rotated so a limited number of times.",
        ("Enabled",),
        lambda key_id, form: RotateKeyOnDemandRequest(key_id=key_id),
    ),
    "schedule-deletion": Write(
        Operation.SCHEDULE_KEY_DELETION,
        "Schedule deletion",
        "The key cannot be used from now on. After so many days it is gone, and with it whatever is encrypted under it.",
        ("Enabled", "Disabled", "PendingImport", "Unavailable"),
        _deletion,
        is_grave=True,
        asks_days=True,
    ),
    "cancel-deletion": Write(
        Operation.CANCEL_KEY_DELETION,
        "Cancel deletion",
        "The key stays, disabled.",
        ("PendingDeletion", "PendingReplicaDeletion"),
        lambda key_id, form: CancelKeyDeletionRequest(key_id=key_id),
    ),
}
"""THE table of what can be changed in the console, by the last part of its path."""


def offered(state: str) -> Mapping[str, Write]:
    """What a key in this state can be offered; whether its viewer may do it, the policies say."""
    return {name: write for name, write in WRITES.items() if state in write.states}


async def show_write(visit: Visit) -> Response:
    """What it does, and where the key's id is typed. Raises: KmsError."""
    write = _write(visit)
    described = await visit.ask.ask(Operation.DESCRIBE_KEY, DescribeKeyRequest(key_id=visit.path["key_id"]))
    return _form(visit, write, described.key_metadata, "", 200)


async def do_write(visit: Visit) -> Response:
    """Does it, once the key's id is typed. Raises: KmsError."""
    write, key_id = _write(visit), visit.path["key_id"]
    form = visit.desk.forms.read(visit.arrival, visit.visitor.principal)
    if form.get(TYPED, "").strip() != key_id:
        described = await visit.ask.ask(Operation.DESCRIBE_KEY, DescribeKeyRequest(key_id=key_id))
        return _form(visit, write, described.key_metadata, "What you typed is not the id of this key. Nothing was changed.", 400)
    await visit.ask.ask(write.operation, write.request(key_id, form))
    receipt = visit.desk.receipts.of(visit.path["write"], key_id, visit.visitor.principal, visit.arrival.at)
    return redirect(f"/keys/{key_id}?{urlencode({DONE: receipt})}")


def _write(visit: Visit) -> Write:
    if not visit.desk.writes:
        raise AccessDeniedException(OFF)
    found = WRITES.get(visit.path["write"])
    if found is None:
        raise NotFoundException("There is no such change.")
    return found


def _form(visit: Visit, write: Write, key: Any, fault: str, status: int) -> Response:
    return visit.page("write.html", write.label, status=status, write=write, key=key, fault=fault, name=visit.path["write"])

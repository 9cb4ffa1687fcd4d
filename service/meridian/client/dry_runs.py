"""What a call would meet, without making it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec

from meridian.client.errors import DryRunOperationException
from meridian.client.service_error import KmsServiceError

P = ParamSpec("P")


def dry_run(call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> KmsServiceError | None:
    """The refusal that a call would meet now; None where it would be made. Nothing is done: `dry_run(kms.encrypt, key_id=…, plaintext=…)`.

    Raises: TypeError for an operation that knows no dry run; errors of calls that never reached a decision are answers too.
    """
    asked: Any = {**kwargs, "dry_run": True}
    try:
        call(*args, **asked)
    except DryRunOperationException:
        return None
    except KmsServiceError as refusal:
        return refusal
    raise RuntimeError("the call was made, though a dry run was asked for")


async def dry_run_async(call: Callable[P, Awaitable[object]], *args: P.args, **kwargs: P.kwargs) -> KmsServiceError | None:
    """The same for a client of asyncio: `await dry_run_async(kms.encrypt, key_id=…, plaintext=…)`."""
    asked: Any = {**kwargs, "dry_run": True}
    try:
        await call(*args, **asked)
    except DryRunOperationException:
        return None
    except KmsServiceError as refusal:
        return refusal
    raise RuntimeError("the call was made, though a dry run was asked for")

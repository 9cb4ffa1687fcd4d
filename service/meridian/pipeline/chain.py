"""The walk of one call, the same for every transport: through its steps in their order, then its operation.

Telemetry and audit surround the walk and are closed whatever happens. A warm cryptographic call suspends once, for its durable
audit record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from meridian.domain.call import Call
from meridian.errors import DependencyTimeoutException, KmsError, KMSInternalException
from meridian.operations.outcomes import AnsweredBeforeError
from meridian.pipeline.audit import Audit
from meridian.pipeline.binding import Operation
from meridian.pipeline.repeats import Repeats
from meridian.pipeline.telemetry import Telemetry
from meridian.ports.security_events import SecurityEvents

Step = Callable[[Call], Awaitable[None] | None]


class Pipeline:
    """Walks calls: telemetry → audit → the steps in their order → operation."""

    def __init__(
        self,
        *,
        telemetry: Telemetry,
        audit: Audit,
        events: SecurityEvents,
        repeats: Repeats,
        steps: tuple[Step, ...],
        operations: Mapping[str, Operation],
    ) -> None:
        self._repeats = repeats
        self._events = events
        self._telemetry = telemetry
        self._audit = audit
        self._steps = steps
        self._operations = operations

    async def walk(self, call: Call) -> Any:
        """The answer of the operation, once its audit record is durable. Raises: KmsError, and nothing else."""
        answer = None
        try:
            for step in self._steps:
                waiting = step(call)
                if waiting is not None:
                    await waiting
            answer = await self._operations[call.rpc.name](call.request, call)
        except AnsweredBeforeError as before:
            answer = self._repeats.given_again(call, before)
        except KmsError as error:
            call.error = error
            answer = await self._repeats.after_failure(call)
        except TimeoutError:
            call.error = DependencyTimeoutException("The request timed out.", reason="deadline")
        except asyncio.CancelledError:
            call.error = DependencyTimeoutException("The request was cancelled.", reason="cancelled by the caller")
        except Exception as error:
            self._events.report_fault(error, during=call.rpc.name)
            call.error = KMSInternalException(reason=f"{type(error).__name__}")
        try:
            await self._audit.close(call)
        except KmsError as error:
            call.error = error
        finally:
            self._telemetry.finish(call)
        if call.error is not None:
            raise call.error
        return answer

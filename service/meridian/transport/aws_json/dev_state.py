"""For tests of other people, in `meridian dev` alone: empty the Region.

Source: docs/clients.md, As a local KMS in tests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import orjson

from meridian.authentication.aws_signature import SignedRequest
from meridian.call import Evidence, Wire
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.errors import KmsError
from meridian.pipeline.authenticate import Authenticate
from meridian.pipeline.unauthenticated import Unauthenticated
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.transport.http1.application import Answer, Application, Exchange, Known
from meridian.transport.http1.faults import RefusedRequest

PATH: Final = "/_meridian/dev/state"
OPERATION: Final = "DeleteDevelopmentState"
EmptyRegion = Callable[[Principal, str], Awaitable[None]]
"""Empties the Region for this caller at this address. Raises: KmsError, and then nothing has changed."""


class WithDevState:
    """The AWS wire, and `DELETE /_meridian/dev/state`, signed by any access key: everything that callers made is gone when the answer
    comes."""

    def __init__(
        self,
        wire: Application,
        identify: Authenticate,
        unauthenticated: Unauthenticated,
        clock: Clock,
        entropy: Entropy,
        empty: EmptyRegion,
    ) -> None:
        self._wire = wire
        self._identify = identify
        self._unauthenticated = unauthenticated
        self._clock = clock
        self._entropy = entropy
        self._empty = empty

    def begin(self, head: RequestHead) -> Exchange:
        """Emptying, or what the wire does."""
        is_emptying = (head.method, head.path) == ("DELETE", PATH)
        return Exchange(False, partial(self._answer, head)) if is_emptying else self._wire.begin(head)

    def refuse(self, refused: RefusedRequest) -> Answer:
        """As the wire refuses."""
        return self._wire.refuse(refused)

    async def _answer(self, head: RequestHead, _body: bytes, known: Known) -> Answer:
        """Signed without a body: one that was sent was thrown away, and the signature covers none."""
        evidence, started = Evidence(source_ip=head.address, wire=Wire.AWS), self._clock.monotonic()
        try:
            evidence.signed_request = SignedRequest(head, self._identify.claim_of(head, self._clock.now()), b"")
            principal = self._identify(evidence, self._clock.now())
        except KmsError as fault:
            request_id = self._entropy.uuid()
            await self._unauthenticated.refuse(fault, operation=OPERATION, evidence=evidence, request_id=request_id, started=started)
            return _refusal(fault)
        known(principal.arn)
        try:
            await self._empty(principal, head.address)
        except KmsError as fault:
            return _refusal(fault)
        return Answer(204, "text/plain", b"")


def _refusal(fault: KmsError) -> Answer:
    return Answer(403, "application/json", orjson.dumps({"__type": fault.code, "message": fault.message}))

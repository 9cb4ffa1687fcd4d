"""The AWS wire: `POST /` with the operation in X-Amz-Target, the same walk of the pipeline behind it.

From the headers alone come the operation, the access key and what the signature claims to cover; who fails there has a body that is
thrown away. The body of the others is hashed, and nothing of it is read as JSON, shown or recorded before the signature holds.

Source: Smithy, AWS JSON 1.1 protocol; AWS KMS API Reference, Common errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Final

from google.protobuf.message import Message

from meridian import errors as e
from meridian.authentication.aws_signature import Claim, SignedRequest
from meridian.call import Call, Evidence, Wire
from meridian.contract.call_times import seconds_of
from meridian.contract.caller_request_id import CALLER_REQUEST_ID
from meridian.contract.catalog import Rpc
from meridian.contract.client_token import CLIENT_TOKEN
from meridian.domain.addresses import network_of
from meridian.domain.gates import RETRY_SECONDS
from meridian.domain.request_head import RequestHead
from meridian.domain.trace_context import TRACEPARENT
from meridian.pipeline.authenticate import Authenticate
from meridian.ports.security_events import SecurityEvent
from meridian.transport.aws_json import codec
from meridian.transport.aws_json.key_policies import shown_as_aws
from meridian.transport.call_edge import Walk
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.http1.application import Answer, Exchange, Known
from meridian.transport.http1.faults import HttpFault, RefusedRequest
from meridian.transport.http_date import http_date
from meridian.transport.retry_advice import retry_headers

TARGET_PREFIX: Final = "TrentService."
CONTENT_TYPE: Final = "application/x-amz-json-1.1"
PATH: Final = "/"
"""THE table of errors that are HTTP 500 and may be retried; all others are 400."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request at the moment when its head was read."""

    request_id: str
    at: datetime
    started: float
    """Monotonic seconds."""
    head: RequestHead


class AwsWire:
    """One endpoint for all operations."""

    def __init__(
        self,
        rpcs: Mapping[str, Rpc],
        walk: Walk,
        around: EdgeSurroundings,
        *,
        is_secure: bool,
        identify: Authenticate,
    ) -> None:
        self._under_way = around.under_way
        self._identify = identify
        self._unauthenticated = around.unauthenticated
        self._events = around.events
        self._targets = {f"{TARGET_PREFIX}{rpc.operation}": rpc for rpc in rpcs.values()}
        self._walk = walk
        self._clock = around.clock
        self._entropy = around.entropy
        self._limits = around.limits
        self._is_secure = is_secure

    def begin(self, head: RequestHead) -> Exchange:
        """What the head says of the request: whose it may be, and whether its body is wanted."""
        arrival = Arrival(self._entropy.uuid(), self._clock.now(), self._clock.monotonic(), head)
        if head.path != PATH or head.method != "POST":
            return Exchange(False, partial(self._no_such_place, arrival))
        rpc = self._targets.get(head.headers.get("x-amz-target", ""))
        if rpc is None:
            self._events.report(SecurityEvent.UNKNOWN_OPERATION, subject=network_of(head.address))
            return Exchange(False, partial(self._refuse, e.UnknownOperationException(""), arrival))
        try:
            claim = self._identify.claim_of(head, arrival.at)
        except e.KmsError as error:
            return Exchange(False, partial(self._refuse_caller, error, rpc, self._evidence(head), arrival))
        if head.content_length > self._limits.request_bytes:
            return Exchange(False, partial(self._refuse, e.SerializationException("The request is too large."), arrival))
        return Exchange(True, partial(self._call, rpc, claim, arrival))

    def refuse(self, refused: RefusedRequest) -> Answer:
        """What is no request is answered as AWS answers a body that it cannot read."""
        error: e.KmsError = e.SerializationException(refused.sentence)
        if refused.fault is HttpFault.INTERNAL:
            error = e.KMSInternalException(reason="")
        elif refused.fault is HttpFault.OVERLOADED:
            error = e.ThrottlingException(retry_after_seconds=RETRY_SECONDS)
        return self._error(error, self._entropy.uuid(), status=refused.fault.status)

    async def _no_such_place(self, arrival: Arrival, _body: bytes, _known: Known) -> Answer:
        error = e.UnknownOperationException("")
        if arrival.head.path != PATH:
            return self._error(error, arrival.request_id, status=404)
        refusal = self._error(error, arrival.request_id, status=405)
        return replace(refusal, headers=(*refusal.headers, ("Allow", "POST")))

    async def _refuse(self, error: e.KmsError, arrival: Arrival, _body: bytes, _known: Known) -> Answer:
        return self._error(error, arrival.request_id)

    async def _refuse_caller(
        self, error: e.KmsError, rpc: Rpc, evidence: Evidence, arrival: Arrival, _body: bytes, _known: Known
    ) -> Answer:
        await self._unauthenticated.refuse(
            error, operation=rpc.name, evidence=evidence, request_id=arrival.request_id, started=arrival.started
        )
        return self._error(error, arrival.request_id)

    async def _call(self, rpc: Rpc, claim: Claim, arrival: Arrival, body: bytes, known: Known) -> Answer:
        """The answer to a request that has arrived as a whole."""
        evidence = self._evidence(arrival.head, SignedRequest(arrival.head, claim, body))
        try:
            principal = self._identify(evidence, arrival.at)
        except e.KmsError as error:
            del body, evidence  # the answer may come late, and nobody's body is kept until then, nor by the error's traces
            error.without_frames()
            return await self._refuse_caller(error, rpc, self._evidence(arrival.head), arrival, b"", known)
        known(principal.arn)
        call = _read(rpc, evidence, arrival, body)
        call.principal = principal
        call.write_answer = _written
        try:
            seconds = seconds_of(rpc.name, rpc.work, self._limits.deadline_seconds_default)
            with self._under_way.within(call, min(seconds, self._limits.deadline_seconds_max), e.Cut.SERVICE_BOUND):
                written: bytes = await self._walk(call)
        except e.KmsError as error:
            return self._error(error.without_frames(), arrival.request_id)
        except Exception as fault:
            self._events.report_fault(fault, during=rpc.name)
            return self._error(e.KMSInternalException(reason=type(fault).__name__), arrival.request_id)
        return self._answer(200, written, arrival.request_id)

    def _evidence(self, head: RequestHead, signed: SignedRequest | None = None) -> Evidence:
        return Evidence(
            source_ip=head.address,
            secure_transport=self._is_secure,
            user_agent=head.headers.get("user-agent", ""),
            signed_request=signed,
            client_token=head.headers.get(CLIENT_TOKEN),
            caller_request_id=head.headers.get(CALLER_REQUEST_ID),
            traceparent=head.headers.get(TRACEPARENT, ""),
            wire=Wire.AWS,
        )

    def _error(self, error: e.KmsError, request_id: str, *, status: int = 0) -> Answer:
        status = status or (500 if isinstance(error, e.SERVER_FAULTS) else 400)
        body = codec.as_json({"__type": error.code, **({"message": error.message} if error.message else {})})
        refusal = self._answer(status, body, request_id)
        advice = retry_headers(error)
        return replace(refusal, headers=(*refusal.headers, *advice)) if advice else refusal

    def _answer(self, status: int, body: bytes, request_id: str) -> Answer:
        headers = (("x-amzn-RequestId", request_id), ("Date", _date(int(self._clock.now().timestamp()))))
        return Answer(status, CONTENT_TYPE, body, headers)


def _read(rpc: Rpc, evidence: Evidence, arrival: Arrival, body: bytes) -> Call:
    """The call of a caller who is known. What cannot be read is refused by the walk, so that his record says so."""
    refusal = None
    try:
        message = codec.read(body, rpc.request_class)
    except e.KmsError as fault:
        message, refusal = rpc.request_class(), fault.without_frames()
    call = Call(rpc, message, evidence, arrival.request_id, arrival.at)
    call.refusal, call.started = refusal, arrival.started
    return call


def _written(call: Call, answer: Message) -> bytes:
    """The body of the answer."""
    return codec.write(shown_as_aws(answer, call))


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    """A moment in the form of HTTP; the answers of one second share it."""
    return http_date(second)

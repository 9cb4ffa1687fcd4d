"""STS on the AWS wire: forms in, XML out, the same walk of the pipeline behind it.

AssumeRoleWithWebIdentity is proved by the token in its body and by nothing else, GetCallerIdentity by a signature; a request with both is
refused. The body of a request that is proved by its token is read before it is known who sent it, 32 KiB at most.

Source: AWS STS API Reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from meridian import errors as e
from meridian.authentication.assumed_role import AssumedRoles
from meridian.authentication.aws_signature import AwsSignatures, Claim, SignedRequest
from meridian.call import Call, Evidence, Wire
from meridian.contract.call_times import seconds_of
from meridian.contract.catalog import Rpc
from meridian.contract.operation import Operation
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.domain.trace_context import TRACEPARENT
from meridian.sts.v1.sts_pb2 import AssumeRoleWithWebIdentityRequest, GetCallerIdentityRequest
from meridian.transport.aws_json.app import Arrival
from meridian.transport.call_edge import Walk
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.http1.application import Answer, Application, Exchange, Known
from meridian.transport.http1.faults import RefusedRequest
from meridian.transport.http1.form import Form
from meridian.transport.retry_advice import retry_headers
from meridian.transport.sts.answers import refusal_of, write_assumed, write_identity, write_refusal
from meridian.transport.sts.forms import BODY_BYTES_MAX, TOKEN, assume_role_request, read_request

ASSUME: Final = Operation.ASSUME_ROLE_WITH_WEB_IDENTITY
IDENTITY: Final = Operation.GET_CALLER_IDENTITY
FORM: Final = "application/x-www-form-urlencoded"
CONTENT_TYPE: Final = "text/xml"
WRITERS: Final[Mapping[Operation, Callable[[Any, str], bytes]]] = {ASSUME: write_assumed, IDENTITY: write_identity}
"""THE table of operations, and what writes the answer of each."""


def is_form(head: RequestHead) -> bool:
    """Whether a request is one of the query protocol."""
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    return (head.method, head.path, kind) == ("POST", "/", FORM) and "x-amz-target" not in head.headers


class WithSts:
    """The AWS wire, and STS on the same place."""

    def __init__(self, wire: Application, sts: StsWire) -> None:
        self._wire = wire
        self._sts = sts

    def begin(self, head: RequestHead) -> Exchange:
        """A form is for STS."""
        return self._sts.begin(head) if is_form(head) else self._wire.begin(head)

    def refuse(self, refused: RefusedRequest) -> Answer:
        """As the wire refuses: what cannot be read is of no protocol."""
        return self._wire.refuse(refused)


class StsWire:
    """Two operations."""

    def __init__(
        self,
        rpcs: Mapping[str, Rpc],
        walk: Walk,
        around: EdgeSurroundings,
        *,
        is_secure: bool,
        roles: AssumedRoles,
        signatures: AwsSignatures,
    ) -> None:
        self._rpcs = rpcs
        self._walk = walk
        self._clock = around.clock
        self._entropy = around.entropy
        self._limits = around.limits
        self._is_secure = is_secure
        self._roles = roles
        self._signatures = signatures
        self._unauthenticated = around.unauthenticated
        self._events = around.events
        self._under_way = around.under_way

    def begin(self, head: RequestHead) -> Exchange:
        """What the head says: whether the request is signed, and whether its body is wanted."""
        arrival = Arrival(self._entropy.uuid(), self._clock.now(), self._clock.monotonic(), head)
        if head.content_length > BODY_BYTES_MAX:
            too_long = e.ValidationException(f"The request must not be longer than {BODY_BYTES_MAX} bytes.")
            return Exchange(False, partial(self._refuse, too_long, arrival))
        if "authorization" not in head.headers:
            return Exchange(True, partial(self._with_token, arrival))
        try:
            claim = self._signatures.claim_of(head, arrival.at)
        except e.KmsError as error:
            return Exchange(False, partial(self._refuse_nobody, error, IDENTITY, arrival))
        return Exchange(True, partial(self._signed, claim, arrival))

    async def _with_token(self, arrival: Arrival, body: bytes, known: Known) -> Answer:
        """The answer to a request that is not signed."""
        operation, of_token = ASSUME, False
        try:
            form = read_request(body)
            operation = _operation(form)
            if operation is not ASSUME:
                raise e.MissingAuthenticationTokenException(reason="not signed")
            request, token = assume_role_request(form), form.get(TOKEN, "")
            del form, body
            if not token or not request.role_arn:
                raise e.ValidationException("WebIdentityToken and RoleArn are needed.")
            of_token = True
            principal = self._roles.authenticate(token, request.role_arn, request.role_session_name, arrival.at)
            del token
        except e.KmsError as error:
            error.without_frames()  # the answer may come late, and keeps no token until then
            return await self._nobody(error, operation, arrival, of_token=of_token)
        known(principal.arn)
        return await self._call(operation, request, principal, arrival)

    async def _signed(self, claim: Claim, arrival: Arrival, body: bytes, known: Known) -> Answer:
        """The answer to a signed request."""
        try:
            principal = self._signatures.authenticate(SignedRequest(arrival.head, claim, body), arrival.at)
            operation = _operation(read_request(body))
            if operation is not IDENTITY:
                raise e.UnrecognizedClientException(reason="two credentials in one call")
        except e.KmsError as error:
            del body
            error.without_frames()
            return await self._nobody(error, IDENTITY, arrival, of_token=False)
        known(principal.arn)
        return await self._call(operation, GetCallerIdentityRequest(), principal, arrival)

    async def _call(
        self,
        operation: Operation,
        request: AssumeRoleWithWebIdentityRequest | GetCallerIdentityRequest,
        principal: Principal,
        arrival: Arrival,
    ) -> Answer:
        rpc = self._rpcs[operation]
        call = Call(rpc, request, self._evidence(arrival.head), arrival.request_id, arrival.at)
        call.principal, call.started = principal, arrival.started
        try:
            seconds = seconds_of(rpc.name, rpc.work, self._limits.deadline_seconds_default)
            with self._under_way.within(call, min(seconds, self._limits.deadline_seconds_max), e.Cut.SERVICE_BOUND):
                answer = await self._walk(call)
            return self._answer(200, WRITERS[operation](answer, arrival.request_id), arrival.request_id)
        except e.KmsError as error:
            return self._error(error, arrival, of_token=False)
        except Exception as fault:
            self._events.report_fault(fault, during=rpc.name)
            return self._error(e.KMSInternalException(reason=type(fault).__name__), arrival, of_token=False)

    def _evidence(self, head: RequestHead) -> Evidence:
        return Evidence(
            source_ip=head.address,
            secure_transport=self._is_secure,
            user_agent=head.headers.get("user-agent", ""),
            traceparent=head.headers.get(TRACEPARENT, ""),
            wire=Wire.AWS,
        )

    # ---- refusals

    async def _refuse(self, error: e.KmsError, arrival: Arrival, _body: bytes, _known: Known) -> Answer:
        return self._error(error, arrival, of_token=False)

    async def _refuse_nobody(self, error: e.KmsError, operation: Operation, arrival: Arrival, _body: bytes, _known: Known) -> Answer:
        return await self._nobody(error, operation, arrival, of_token=False)

    async def _nobody(self, error: e.KmsError, operation: Operation, arrival: Arrival, *, of_token: bool) -> Answer:
        evidence = self._evidence(arrival.head)
        await self._unauthenticated.refuse(
            error, operation=operation, evidence=evidence, request_id=arrival.request_id, started=arrival.started
        )
        return self._error(error, arrival, of_token=of_token)

    def _error(self, error: e.KmsError, arrival: Arrival, *, of_token: bool) -> Answer:
        refusal = refusal_of(error, of_token=of_token)
        return self._answer(
            refusal.status, write_refusal(refusal, error.message, arrival.request_id), arrival.request_id, *retry_headers(error)
        )

    def _answer(self, status: int, body: bytes, request_id: str, *more: tuple[str, str]) -> Answer:
        return Answer(status, CONTENT_TYPE, body, (("x-amzn-RequestId", request_id), *more))


def _operation(form: Form) -> Operation:
    """Raises: UnknownOperationException."""
    named = form.get("Action", "")
    found = next((each for each in WRITERS if each == named), None)
    if found is None:
        raise e.UnknownOperationException("Could not find the operation for version 2011-06-15.")
    return found

"""The XKS proxy API: another KMS asks for the keys that are exported to it. The same walk of the pipeline is behind it.

From the path come the key store and the export, from the headers the credential and what its signature claims to cover; who fails there has
a body that is thrown away. Nothing of the body of the others is read before the signature holds.

Source: AWS KMS External Key Store (XKS) Proxy API Specification; docs/external-key-manager.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from meridian import errors as e
from meridian.authentication.aws_signature import Claim, SignedRequest
from meridian.authentication.xks_signature import METHOD, XksSignatures
from meridian.call import Call, Evidence, Wire
from meridian.contract.catalog import Rpc, xks_rpcs
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.domain.trace_context import TRACEPARENT
from meridian.domain.xks import STORE_NAME, XksCall, place_of
from meridian.ports.xks import Exports, KeyStorePlace
from meridian.transport.call_edge import Walk
from meridian.transport.edge_surroundings import EdgeSurroundings
from meridian.transport.http1.application import Answer, Exchange, Known
from meridian.transport.http1.faults import HttpFault, RefusedRequest
from meridian.transport.xks import messages
from meridian.transport.xks.messages import BODY_BYTES_MAX, Target
from meridian.transport.xks.refusals import INTERNAL, INVALID_PATH, NOT_AUTHENTICATED, THROTTLED, TIMEOUT, VALIDATION, Refusal, refusal_of

CONTENT_TYPE: Final = "application/json"
CALL_SECONDS: Final = 5.0
"""AWS KMS waits for a quarter of a second, twice, and then hangs up, which ends the call; another KMS may be more patient."""
RPC_OF: Final = {
    XksCall.HEALTH: "XksGetHealthStatus",
    XksCall.METADATA: "XksGetKeyMetadata",
    XksCall.ENCRYPT: "XksEncrypt",
    XksCall.DECRYPT: "XksDecrypt",
}
"""THE table of calls and the operations that are walked for them."""
OF_FAULT: Final = {HttpFault.INTERNAL: INTERNAL, HttpFault.OVERLOADED: THROTTLED, HttpFault.TIMEOUT: TIMEOUT}
"""What a request is told that is refused before anybody reads it; all others are requests that cannot be read."""
METHOD_NOT_ALLOWED: Final = 405


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request at the moment when its head was read, and what its path named."""

    request_id: str
    at: datetime
    started: float
    """Monotonic seconds."""
    head: RequestHead
    call: XksCall
    rpc: Rpc
    store: KeyStorePlace
    target: Target


class XksWire:
    """The listener's application."""

    def __init__(
        self,
        walk: Walk,
        around: EdgeSurroundings,
        *,
        exports: Exports,
        signatures: XksSignatures,
        partition: str,
    ) -> None:
        self._walk = walk
        self._exports = exports
        self._signatures = signatures
        self._clock = around.clock
        self._entropy = around.entropy
        self._partition = partition
        self._unauthenticated = around.unauthenticated
        self._events = around.events
        self._under_way = around.under_way
        self._rpcs = {call: xks_rpcs()[name] for call, name in RPC_OF.items()}

    def begin(self, head: RequestHead) -> Exchange:
        """What the head says: path, method, size and signature are judged in this order, and whether the body is wanted."""
        try:
            arrival = self._arrival(head)
        except e.KmsError as error:
            return Exchange(False, partial(self._refuse, error))
        if arrival is None:
            return Exchange(False, partial(self._refused, INVALID_PATH))
        try:
            if head.method != "POST":
                return Exchange(False, self._not_a_post)
            if head.content_length > BODY_BYTES_MAX:
                too_long = e.UnsupportedOperationException(f"The request must not be longer than {BODY_BYTES_MAX} bytes.")
                return Exchange(False, partial(self._refuse, too_long))
            claim = self._signatures.claim_of(head, arrival.store.prefix, arrival.at)
        except e.KMSInternalException as error:
            return Exchange(False, partial(self._refuse, error))
        except e.KmsError as error:
            return Exchange(False, partial(self._refuse_caller, error, arrival))
        return Exchange(True, partial(self._call, arrival, claim))

    def refuse(self, refused: RefusedRequest) -> Answer:
        """What is no request."""
        refusal = OF_FAULT.get(refused.fault, VALIDATION)
        sentence = refused.fault.sentence if refusal is VALIDATION else refusal.sentence
        status = refusal.status if refusal is not VALIDATION else refused.fault.status
        return self._error(status, refusal.name, sentence)

    def _arrival(self, head: RequestHead) -> Arrival | None:
        """None where nothing is served under the path. Raises: KMSInternalException."""
        place = place_of(head.path) if not head.query else None
        store = self._exports.find_store(place.prefix) if place is not None else None
        if place is None or store is None:
            return None
        export = self._exports.find_export(place.export_id) if place.export_id else None
        if export is not None and export.prefix != place.prefix:
            export = None  # another key store's, which is told as one that is not there
        target = Target(place.prefix, place.export_id, export)
        at, started = self._clock.now(), self._clock.monotonic()
        return Arrival(self._entropy.uuid(), at, started, head, place.call, self._rpcs[place.call], store, target)

    async def _call(self, arrival: Arrival, claim: Claim, body: bytes, known: Known) -> Answer:
        """The answer to a request that has arrived as a whole."""
        try:
            self._signatures.require(SignedRequest(arrival.head, claim, body), arrival.store.prefix)
        except e.KMSInternalException as error:
            return self._error_of(error)
        except e.KmsError as error:
            del body  # the answer may come late, and nobody's body is kept until then, nor by the error's traces
            error.without_frames()
            return await self._refuse_caller(error, arrival, b"", known)
        known(arrival.store.prefix)
        call = self._read(arrival, claim, body)
        del body
        try:
            with self._under_way.within(call, CALL_SECONDS, e.Cut.SERVICE_BOUND):
                answer = await self._walk(call)
            written = messages.write_answer(arrival.call, answer)
        except e.KmsError as error:
            return self._error_of(error.without_frames())
        except Exception as fault:
            self._events.report_fault(fault, during=arrival.rpc.name)
            return self._error_of(e.KMSInternalException(reason=type(fault).__name__))
        return self._answer(200, written)

    def _read(self, arrival: Arrival, claim: Claim, body: bytes) -> Call:
        """The call. What cannot be read, or is about no export, is refused by the walk, so that its record says so."""
        target = arrival.target
        refusal: e.KmsError | None = None
        try:
            message = messages.read_request(arrival.call, body, target)
            if arrival.call is not XksCall.HEALTH and target.export is None:
                refusal = e.NotFoundException(f"There is no external key '{target.export_id}'.")
        except e.KmsError as fault:
            message, refusal = messages.empty_request(arrival.call, target), fault
        call = Call(arrival.rpc, message, self._evidence(arrival.head), arrival.request_id, arrival.at)
        call.refusal, call.started = refusal, arrival.started
        call.principal = self._principal(arrival, claim)
        return call

    def _principal(self, arrival: Arrival, claim: Claim) -> Principal:
        """The export that the call is about; of a call about no export, the key store."""
        export, account = arrival.target.export, arrival.store.account
        name = f"{STORE_NAME}{arrival.store.prefix}" if export is None else export.principal_name
        arn = f"arn:{self._partition}:iam::{account}:service/{name}"
        return Principal(kind="Service", account=account, name=name, arn=arn, method=METHOD, subject=claim.access_key_id)

    def _evidence(self, head: RequestHead) -> Evidence:
        return Evidence(
            source_ip=head.address,
            secure_transport=True,
            user_agent=head.headers.get("user-agent", ""),
            traceparent=head.headers.get(TRACEPARENT, ""),
            wire=Wire.XKS,
        )

    # ---- refusals

    async def _refused(self, refusal: Refusal, _body: bytes, _known: Known) -> Answer:
        return self._error(refusal.status, refusal.name, refusal.sentence)

    async def _not_a_post(self, _body: bytes, _known: Known) -> Answer:
        answer = self._error(METHOD_NOT_ALLOWED, VALIDATION.name, "Every call of this API is a POST.")
        return replace(answer, headers=(*answer.headers, ("Allow", "POST")))

    async def _refuse(self, error: e.KmsError, _body: bytes, _known: Known) -> Answer:
        return self._error_of(error)

    async def _refuse_caller(self, error: e.KmsError, arrival: Arrival, _body: bytes, _known: Known) -> Answer:
        await self._unauthenticated.refuse(
            error,
            operation=arrival.rpc.name,
            evidence=self._evidence(arrival.head),
            request_id=arrival.request_id,
            started=arrival.started,
        )
        return self._error(NOT_AUTHENTICATED.status, NOT_AUTHENTICATED.name, NOT_AUTHENTICATED.sentence)

    def _error_of(self, error: e.KmsError) -> Answer:
        refusal, sentence = refusal_of(error)
        return self._error(refusal.status, refusal.name, sentence)

    def _error(self, status: int, name: str, sentence: str) -> Answer:
        return self._answer(status, messages.write_error(name, sentence))

    def _answer(self, status: int, body: bytes) -> Answer:
        return Answer(status, CONTENT_TYPE, body)

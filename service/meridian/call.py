"""One call on its walk through the pipeline, and what the transport saw of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal
from meridian.errors import Cut, KMSInternalException

if TYPE_CHECKING:  # policy commands read facts of calls, and start without what ciphertexts and messages of Regions are made of
    from google.protobuf.message import Message

    from meridian.contract.catalog import Rpc
    from meridian.domain.ciphertext_blob import CiphertextBlob
    from meridian.domain.grant import Grant
    from meridian.domain.key import Key
    from meridian.domain.peer_message import Prepare, PrepareHandover
    from meridian.errors import KmsError


M = TypeVar("M", bound="Message")


class Wire(StrEnum):
    """The way that a call came."""

    GRPC = "grpc"
    AWS = "aws"
    XKS = "xks"
    CONSOLE = "console"
    PEER = "peer"
    """Another Region asks, on a caller's behalf."""
    NONE = ""
    """None: the call is made up, to be asked about."""


@dataclass(frozen=True, slots=True)
class ChangeToken:
    """The name that a caller gave to a change, with what the change is."""

    text: str
    request_digest: bytes
    """SHA-256 of the request, before anything was made of it."""


class RecordBeginning(NamedTuple):
    """An audit record but for what the end of its call adds. Items of a batch that ask for the same have the same; nobody changes it."""

    whole: dict[str, Any]
    inner: dict[str, Any]
    """Its part `meridian`."""


class BatchItem(Protocol):
    """The place of a call in the batch that it came in."""

    @property
    def index(self) -> int:
        """Which item it is, from 0."""
        ...

    def apart(self) -> Awaitable[None]:
        """Awaited before the call waits for anything: when it returns, the call has a task of its own. Until then it is walked in one go
        with others."""

    def takes_over(self, call: Call) -> bool:
        """Whether the call has all that was looked up and decided for another of the batch, which asked for the same. Raises: KmsError."""

    def decided(self, call: Call) -> None:
        """The call may have what it asks for."""

    def leave(self) -> None:
        """The call waits for something that the batch's other calls do not wait for: their records go without its own."""

    def keep(self, record: dict[str, Any]) -> None:
        """The call's record, to be written with those of the others; the record says how the call ended."""


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class Evidence:
    """What the transport saw of the caller, before anybody judged it."""

    spiffe_id: str = ""
    certificate_pem: bytes = b""
    shows_no_certificate: bool = False
    """The listener asks for a certificate and the connection showed none. Where a front requires one, this is never so."""
    headers: dict[str, str] = field(default_factory=dict)
    source_ip: str = "127.0.0.1"
    secure_transport: bool = True
    user_agent: str = ""
    tls_version: str = ""
    signed_request: Any = None
    """The whole request where it came over the AWS wire, for the check of its signature."""
    repeated: str = ""
    """The name of a header that is read here and came more than once; empty where there is none."""
    client_token: str | None = None
    """`x-meridian-client-token` as it came; None where it did not."""
    caller_request_id: str | None = None
    """`x-meridian-caller-request-id` as it came; None where it did not."""
    traceparent: str = ""
    """`traceparent` as it came, whatever it is; empty where it did not."""
    wire: Wire = Wire.NONE


class Call:
    """One call. Steps of the pipeline fill it in, in their order; nothing else changes it.

    INVARIANT: nothing that it holds holds it, or it would stay, with all that its caller sent, until a collector comes by.
    """

    __slots__ = (
        "absent",
        "aliases",
        "audit_data",
        "blob",
        "canonical_context",
        "change_token",
        "contexts",
        "decisions",
        "dry_run",
        "ended_grant_id",
        "error",
        "event_recorded",
        "evidence",
        "grant",
        "grant_ids",
        "grants",
        "item",
        "key_store_type",
        "keys",
        "malformed",
        "policy_document",
        "policy_set",
        "policy_warnings",
        "prepare",
        "principal",
        "prospective",
        "received_at",
        "record_beginning",
        "refusal",
        "repeat_of",
        "request",
        "request_id",
        "response_elements",
        "rpc",
        "started",
        "token_grant_ids",
        "trailing_days_without_key_usage",
        "wait_outside",
        "why_cut",
        "write_answer",
    )

    def __init__(self, rpc: Rpc, request: Message, evidence: Evidence, request_id: str, received_at: datetime) -> None:
        self.rpc = rpc
        self.request = request
        """Of the type that `rpc` takes. Steps that know it say so with `asks`; others read through `contract.fields`."""
        self.evidence = evidence
        self.request_id = request_id
        self.received_at = received_at
        self.item: BatchItem | None = None
        """Its place in a batch; None where it came alone."""
        self.malformed = False
        """The request's bytes are no message of its type; `request` is then empty."""
        self.refusal: Exception | None = None
        """Why the request cannot be read, where the transport found that out."""
        self.started = 0.0
        """Monotonic seconds at arrival."""
        self.principal: Principal | None = None
        """Who calls, once he is known. What comes after reads `caller`."""
        self.change_token: ChangeToken | None = None
        """The caller's token, where the call changes something and has one."""
        self.repeat_of = ""
        """Request id of the call whose answer this one is given again."""
        self.dry_run = False
        self.keys: dict[str, Key] = {}
        """Resolved keys by the request field that names them."""
        self.key_store_type: str | None = None
        """`KeyStoreType` of the custom key store that the request is about, as its row says, or `NO_STORE`; None where it is about none."""
        self.absent: dict[str, KmsError] = {}
        """Request fields that name a key which is not here and would not be the caller's, each with the refusal that a key there would
        meet. It is raised where a key there would be decided on, so that no other answer tells the two apart."""
        self.prepare: Prepare | PrepareHandover | None = None
        """What another Region asked, when this call is the destination's half of a ReplicateKey."""
        self.prospective: Key | None = None
        """The key that CreateKey is about to make; its key id is not drawn yet."""
        self.aliases: dict[str, str] = {}
        """Alias name as typed, by the request field, where the caller used one."""
        self.grants: dict[str, tuple[Grant, ...]] = {}
        """Grants to this caller on the key of each request field."""
        self.grant: Grant | None = None
        """The grant that the call creates, retires or revokes."""
        self.token_grant_ids: frozenset[str] = frozenset()
        """Ids of the grants that the request's grant tokens name."""
        self.ended_grant_id = ""
        """Id of the grant that RetireGrant or RevokeGrant names."""
        self.grant_ids: dict[str, list[str]] = {}
        """Ids of the grants that fit, by action; kept where the caller has grants at all."""
        self.policy_document = ""
        """The document of AWS that the request's policy was made of, as it was sent."""
        self.policy_set = ""
        """Digest of the policy files that its decisions were made by; empty before them."""
        self.policy_warnings: tuple[str, ...] = ()
        """What that document names that has no effect."""
        self.trailing_days_without_key_usage: int | None = None
        """Whole days since the key was last used, or made; known where a policy may ask for it."""
        self.blob: CiphertextBlob | None = None
        """The parsed ciphertext of the request."""
        self.contexts: dict[str, dict[str, str]] = {}
        """Each encryption context in the request, by field; read from the message once, for policy, audit and cipher alike."""
        self.canonical_context: dict[str, bytes] = {}
        """Canonical bytes of each encryption context in the request, by field; made once."""
        self.decisions: list[PolicyDecision] = []
        self.record_beginning: RecordBeginning | None = None
        """Of an item of a batch, what its record says before it has ended; others that ask for the same take it over."""
        self.audit_data: dict[str, Any] = {}
        """CloudTrail's additionalEventData."""
        self.response_elements: dict[str, Any] | None = None
        self.error: Exception | None = None
        self.why_cut: Callable[[], Cut] = _by_the_caller
        """Why the call is ended, asked when its task is cancelled; the wire knows."""
        self.wait_outside: Callable[[Call], Awaitable[None]] = _with_no_place
        """Awaited, with the call, before it waits for a key store outside the Region: from then on it holds no place of those that need
        none. Raises: ThrottlingException where too many wait there."""
        self.write_answer: Callable[[Call, Any], Any] = _as_it_is
        """Makes of the call and its answer what the wire sends; asked before the record is written, which then tells of a failure here
        too."""
        self.event_recorded: dict[str, Any] | None = None
        """The audit event that the operation's transaction stores; once committed, it is the one that is shipped."""

    def begin_anew(self) -> None:
        """Know nothing any more of keys, grants and decisions, as before they were looked for."""
        self.keys, self.key_store_type, self.absent, self.aliases = {}, None, {}, {}
        self.grants, self.grant, self.grant_ids = {}, None, {}
        self.decisions, self.record_beginning, self.trailing_days_without_key_usage = [], None, None
        self.audit_data, self.response_elements, self.event_recorded = {}, None, None

    @property
    def caller(self) -> Principal:
        """Who calls. Raises: KMSInternalException where nobody was authenticated: nothing is ever done for nobody."""
        if self.principal is None:
            raise KMSInternalException(reason="no principal")
        return self.principal

    def asks(self, kind: type[M]) -> M:
        """The request, for a step that knows of which type it is. Raises: KMSInternalException where it is of another."""
        if not isinstance(self.request, kind):
            raise KMSInternalException(reason="a request of another type")
        return self.request


def _by_the_caller() -> Cut:
    return Cut.CALLER_LEFT


async def _with_no_place(_: Call) -> None:
    """Of a call that came through no entrance."""


def _as_it_is(_: Call, answer: Any) -> Any:
    return answer

"""Decisions of an audit log, ready to be made again.

A record holds what the policies could ask: the caller's groups and tags, each key as it stood, and the request as its parameters
show it. The request is rebuilt from these and its facts are read by the code that read them first. The policy of a key stands in the
record of the call that put it; a decision on a key whose policy is in no record of the log cannot be made again, and says so.

Source: docs/spec/audit.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from meridian.audit.recorded_facts import policy_digest
from meridian.audit.segments import DamagedSegmentError, lines_of, segments_in
from meridian.authorization.decision.facts import CallFacts, Facts, cedar_time
from meridian.authorization.language.entities import AliasResource, KeyStoreResource, Resource, ScopeResource, Surroundings
from meridian.call import Call, Evidence
from meridian.contract.catalog import Requirement, Rpc, walked_rpcs
from meridian.contract.fields import text_of
from meridian.domain.grant import Grant
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.key_store import NO_STORE, KeyStoreType
from meridian.domain.principal import Principal
from meridian.policy_kit.recorded_line import Record, read_record, require_decided
from meridian.policy_kit.recorded_request import request_of
from meridian.policy_kit.texts import UnreadableRecordError

ASKED_ABOUT_EVERY_STORE: Final = KeyStoreType.EXTERNAL_KEY_STORE
"""What policies were told of every custom key store before records had its type."""
PUTS_A_POLICY: Final = frozenset({"CreateKey", "PutKeyPolicy", "ReplicateKey"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """One decision of the log: the question, and the answer it got."""

    event_id: str
    event: str
    principal: Principal
    action: str
    resource: Resource
    facts: Facts
    allowed: bool
    policy_ids: tuple[str, ...]


class AuditLog:
    """The records of one or more streams; `policies` are those of keys, by their digest, where the records are a part of a longer log."""

    def __init__(self, records: Iterable[Record], around: Surroundings, policies: Mapping[str, str] | None = None) -> None:
        self._around = around
        self.records = [record for record in records if (record.get("meridian") or {}).get("decisions") is not None]
        self.policies = {policy_digest(text): text for text in self._policy_texts()} if policies is None else policies
        self._keys: dict[str, Key] = {}
        self._principals: dict[str, Principal | None] = {}
        """What is the same in two records is one value, so that whoever decides sees it too."""

    @classmethod
    def read(cls, paths: Iterable[Path], around: Surroundings) -> AuditLog:
        """Files, and every segment of folders. Raises: UnreadableRecordError."""
        return cls(_lines(paths), around)

    def find(self, event_id: str) -> Record | None:
        """The record with this event id or request id."""
        return next((r for r in self.records if event_id in (r.get("eventID"), r.get("requestID"))), None)

    def decisions(self, record: Record) -> Iterator[Recorded]:
        """The decisions of one record; none for a call that was refused before any. Raises: UnreadableRecordError."""
        if not record["meridian"]["decisions"]:
            return
        require_decided(record)
        try:
            call = self._call(record)
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as fault:
            raise UnreadableRecordError(f"the record holds something that is not understood: {fault!r}") from fault
        for made in record["meridian"]["decisions"]:
            requirement, resource = self._decided(record, call, made)
            yield Recorded(
                event_id=record["eventID"],
                event=record["eventName"],
                principal=_somebody(call),
                action=made["action"],
                resource=resource,
                facts=_RecordedFacts(call, requirement, record, self._around),
                allowed=made["effect"] == "Allow",
                policy_ids=tuple(made["policyIds"]),
            )

    def _decided(self, record: Record, call: Call, made: Record) -> tuple[Requirement, Resource]:
        """The requirement that a decision answered: some actions are asked of an alias and of a key."""
        for requirement in call.rpc.requires:
            if requirement.action == made["action"]:
                resource = self._resource(record, call, requirement, made)
                if resource is not None and resource.arn == made["resource"]:
                    return requirement, resource
        raise UnreadableRecordError(f"the record does not hold what {made['action']} was asked about")

    # ---- a call, rebuilt

    def _call(self, record: Record) -> Call:
        rpc = _rpc_of(record)
        inner = record["meridian"]
        request, contexts = request_of(rpc, record.get("requestParameters") or {})
        evidence = Evidence(source_ip=record["sourceIPAddress"], user_agent=_user_agent(record.get("userAgent")))
        received_at = datetime.fromisoformat(record["eventTime"])
        call = Call(rpc, request, evidence, record["requestID"], received_at)
        call.principal = self._principal(record)
        call.contexts = contexts
        call.keys = {field: self._key(facts) for field, facts in inner["facts"]["keys"].items()}
        call.dry_run = bool((record.get("additionalEventData") or {}).get("dryRun"))
        own = inner.get("request", {})
        call.aliases = own.get("aliases", {})
        call.grant = _grant_of(own["grant"], record) if "grant" in own else None
        call.prospective = self._key(own["prospectiveKey"]) if "prospectiveKey" in own else None
        told = own.get("keyStoreType", ASKED_ABOUT_EVERY_STORE)
        call.key_store_type = KeyStoreType(told) if told else NO_STORE
        call.trailing_days_without_key_usage = own.get("trailingDaysWithoutKeyUsage")
        return call

    def _resource(self, record: Record, call: Call, requirement: Requirement, made: Record) -> Resource | None:
        account, region = _somebody(call).account, record["awsRegion"]
        if requirement.resource == "SCOPE":
            return ScopeResource(account, region)
        if requirement.resource == "ALIAS":
            return AliasResource(account, region, text_of(call.request, "alias_name"))
        if requirement.resource == "KEY_STORE" and call.key_store_type is not None:
            return KeyStoreResource(account, region, made["resource"], call.key_store_type)
        if requirement.resource == "PROSPECTIVE_KEY" and call.prospective is not None:
            # The policy that a new key will have says nothing about who may make it.
            return replace(call.prospective, policy="", account_delegation=True)
        return call.keys.get(requirement.resource_field)

    def _principal(self, record: Record) -> Principal | None:
        """Raises: UnreadableRecordError."""
        name = json.dumps((record["userIdentity"], record["meridian"]["facts"]["caller"]), sort_keys=True)
        if name not in self._principals:
            self._principals[name] = _principal_of(record)
        return self._principals[name]

    def _key(self, facts: Record) -> Key:
        """Raises: UnreadableRecordError."""
        name = json.dumps(facts, sort_keys=True)
        if name not in self._keys:
            self._keys[name] = self._made_key(facts)
        return self._keys[name]

    def _made_key(self, facts: Record) -> Key:
        if "tags" not in facts:
            raise UnreadableRecordError(f"the tags and aliases of key {facts['keyId']} were too many for a record")
        digest = facts["policySha256"]
        if digest and digest not in self.policies:
            raise UnreadableRecordError(f"the policy of key {facts['keyId']} (SHA-256 {digest}) was put before the log begins")
        primary = facts.get("primaryRegion")
        return Key(
            partition="aws",
            region=facts["region"],
            account=facts["account"],
            key_id=facts["keyId"],
            key_spec=KeySpec(facts["keySpec"]),
            key_usage=KeyUsage(facts["keyUsage"]),
            origin=Origin(facts["keyOrigin"]),
            state=KeyState(facts["keyState"]),
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            version=len(self._keys) + 1,  # one number for each distinct state of a key
            multi_region=MultiRegionRole(primary, tuple(facts["replicaRegions"])) if primary else None,
            policy=self.policies[digest] if digest else "",
            account_delegation=facts["accountDelegation"],
            tags=tuple(sorted(facts["tags"].items())),
            aliases=tuple(facts["aliases"]),
            custom_key_store_id=facts.get("customKeyStoreId", ""),
        )

    def _policy_texts(self) -> Iterator[str]:
        for record in self.records:
            text = (record.get("requestParameters") or {}).get("policy")
            if record["eventName"] in PUTS_A_POLICY and isinstance(text, str):
                yield text


class _RecordedFacts(CallFacts):
    """Facts of a rebuilt call; what only the service could know is taken from the record."""

    __slots__ = ("_record",)

    def __init__(self, call: Call, requirement: Requirement, record: Record, around: Surroundings) -> None:
        super().__init__(call, requirement, record["awsRegion"], around.region_labels)
        self._record = record

    def request_attribute(self, name: str) -> Any:
        own = self._record["meridian"].get("request", {})
        if name == "grants":
            return own.get("grantIds", {}).get(self.requirement.action, [])
        if name == "secureTransport":
            return own.get("secureTransport", True)
        return cedar_time(self.call.received_at) if name == "currentTime" else super().request_attribute(name)


def _somebody(call: Call) -> Principal:
    if call.principal is None:
        raise UnreadableRecordError("nobody was authenticated")
    return call.principal


def _rpc_of(record: Record) -> Rpc:
    """The operation; the destination's half of a ReplicateKey is audited as CreateKey, with the Region it was asked for."""
    name = record["eventName"]
    if name == "CreateKey" and "replicaRegion" in (record.get("requestParameters") or {}):
        name = "ReplicateKey"
    if name not in walked_rpcs():
        raise UnreadableRecordError(f"{name} is no operation of the contract")
    return walked_rpcs()[name]


def _principal_of(record: Record) -> Principal | None:
    identity, facts = record["userIdentity"], record["meridian"]["facts"]["caller"]
    if facts is None:
        return None
    account = identity["accountId"]
    if "tags" not in facts:
        raise UnreadableRecordError("the groups and tags of the caller were too many for a record")
    return Principal(
        kind=facts["kind"],
        account=account,
        name=identity["principalId"].removeprefix(f"{account}/"),
        arn=identity["arn"],
        groups=tuple(facts["groups"]),
        tags=tuple(sorted(facts["tags"].items())),
        mfa_present=facts.get("mfaPresent", False),
        mfa_at=_time(facts.get("mfaAt")),
        token_issued_at=_time(facts.get("tokenIssuedAt")),
        session_name=facts.get("sessionName", ""),
    )


def _grant_of(facts: Record, record: Record) -> Grant:
    key = next(iter(record["meridian"]["facts"]["keys"].values()), None)
    if key is None:
        raise UnreadableRecordError("the record does not hold the key of its grant")
    return Grant(
        grant_id=facts["grantId"],
        account=key["account"],
        key_id=key["keyId"],
        grantee_principal=facts["granteePrincipal"],
        issuing_account=record["userIdentity"].get("accountId", ""),
        operations=frozenset(facts["operations"]),
        created_at=datetime.fromisoformat(record["eventTime"]),
        retiring_principal=facts["retiringPrincipal"],
        constraint_type=facts["constraintType"],
        constraint=facts["constraint"],
        source_arn=facts["sourceArn"],
    )


def _user_agent(told: object) -> str:
    """No policy asks for it; it may have been cut."""
    return told if isinstance(told, str) else ""


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _lines(paths: Iterable[Path]) -> Iterator[Record]:
    for path in paths:
        files = list(segments_in(path, "*")) if path.is_dir() else [path]
        if not files:
            raise UnreadableRecordError(f"{path}: no audit streams")
        for file in files:
            yield from _records_of(file)


def _records_of(file: Path) -> Iterator[Record]:
    try:
        for number, line in enumerate(lines_of(file), 1):
            yield _record(file, number, line)
    except (DamagedSegmentError, OSError) as fault:
        raise UnreadableRecordError(f"{file}: {fault}") from fault


def _record(file: Path, number: int, line: bytes) -> Record:
    try:
        return read_record(line)
    except UnreadableRecordError as fault:
        raise UnreadableRecordError(f"{file}:{number}: {fault}") from fault

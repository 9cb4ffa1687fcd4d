"""Before the keys: the form of what a request says of grants. After the keys: which grants could admit this call, and which grant a call
is about.

Grants of a caller on a key come from memory; the first time, they are one read of the store.

Source: AWS KMS Developer Guide, Grants; docs/spec/policies.md.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from typing import Final

from meridian.call import Call
from meridian.contract.enums import enum_aws_value
from meridian.contract.fields import text_of
from meridian.contract.operation import Operation
from meridian.domain.grant import (
    EQUALS,
    GRANT_TOKEN,
    SUBSET,
    Grant,
    is_grantee,
    is_retiring,
    principals_meant,
    require_constraint_size,
    require_own_partition,
    require_principal,
)
from meridian.domain.key import Key
from meridian.domain.principal import Principal
from meridian.errors import (
    AccessDeniedException,
    InvalidGrantIdException,
    InvalidGrantTokenException,
    InvalidMarkerException,
    NotFoundException,
    ValidationException,
)
from meridian.kms.v1.grants_pb2 import CreateGrantRequest, RetireGrantRequest
from meridian.pipeline.denial import foreign_denial
from meridian.ports.clock import Clock
from meridian.ports.entropy import Entropy
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.page_markers import PageMarkers
from meridian.ports.store.store import Store

GRANT_ID: Final = re.compile(r"[0-9a-f]{64}")
ENDS_A_GRANT: Final = frozenset({Operation.RETIRE_GRANT, Operation.REVOKE_GRANT})
MAKES_A_GRANT: Final = frozenset({Operation.CREATE_GRANT})
SAYS_OF_GRANTS: Final = ENDS_A_GRANT | MAKES_A_GRANT | {Operation.LIST_GRANTS, Operation.LIST_RETIRABLE_GRANTS}
"""Operations whose requests say more of grants than tokens. Sets: each call asks for its own name, and most are not in them."""


class FindGrants:
    """Fills `call.grants`, and `call.grant` where one is created, retired or revoked.

    Raises: InvalidGrantTokenException, InvalidGrantIdException, InvalidArnException, NotFoundException, ValidationException.
    """

    def __init__(self, *, store: Store, page_markers: PageMarkers, directory: KeyDirectory, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._page_markers = page_markers
        self._directory = directory
        self._clock = clock
        self._entropy = entropy

    def require_forms(self, call: Call) -> None:
        """What the request says of grants can be read. Asked before any key is looked up: asked later, the answer would tell whether a
        key of another account is there."""
        request, name = call.request, call.rpc.name
        tokens = getattr(request, "grant_tokens", ())
        if tokens:
            call.token_grant_ids = frozenset(map(self._grant_id_of, tokens))
        if name not in SAYS_OF_GRANTS:
            return
        if name == Operation.CREATE_GRANT:
            _require_wanted(call.asks(CreateGrantRequest), call.caller.partition)
        elif name == Operation.LIST_RETIRABLE_GRANTS:
            require_own_partition(text_of(request, "retiring_principal"), call.caller.partition)
        elif name in ENDS_A_GRANT:
            call.ended_grant_id = self._named_end(call)
            _require_grant_id(call.ended_grant_id)
        elif name == Operation.LIST_GRANTS and request.HasField("grant_id"):
            _require_grant_id(text_of(request, "grant_id"))

    def __call__(self, call: Call) -> Awaitable[None] | None:
        name = call.rpc.name
        if name in ENDS_A_GRANT:
            return self._find_ended(call)
        if name in MAKES_A_GRANT and "key_id" in call.keys:
            call.grant = self._wanted(call)
        for field, key in call.keys.items():
            known = self._directory.find_cached_grants(key, call.caller.arn)
            if known is None:
                return self._load(call, frozenset(call.keys))
            if known:
                call.grants[field] = known
        if not call.token_grant_ids:
            return None
        unknown = call.token_grant_ids - {grant.grant_id for known in call.grants.values() for grant in known}
        return self._look_for(call, unknown) if unknown else None

    async def _look_for(self, call: Call, grant_ids: frozenset[str]) -> None:
        """Tokens may name grants that another process has just made. The store is asked for the grants, whether or not a key that the
        request names is there: asked for the key's grants, it would be asked for a key that is there alone."""
        async with self._store.reading() as uow:
            found = [await uow.grants.find(grant_id) for grant_id in sorted(grant_ids)]
        names = {(grant.account, grant.key_id) for grant in found if grant is not None}
        await self._load(call, frozenset(field for field, key in call.keys.items() if (key.account, key.key_id) in names))

    async def _load(self, call: Call, fields: frozenset[str]) -> None:
        meant = principals_meant(call.caller)
        for field in fields:
            call.grants[field] = await self._directory.find_grants(call.keys[field], call.caller.arn, meant)

    def _grant_id_of(self, token: str) -> str:
        try:
            return self._page_markers.open_page_marker(GRANT_TOKEN, token)
        except InvalidMarkerException as fault:
            raise InvalidGrantTokenException("The grant token is not valid.") from fault

    # ---- a grant that is to be

    def _wanted(self, call: Call) -> Grant:
        request, key = call.asks(CreateGrantRequest), call.keys["key_id"]
        kind, pairs = _constraint(request)
        operations = request.DESCRIPTOR.fields_by_name["operations"]
        return Grant(
            grant_id=self._entropy.random_bytes(32).hex(),
            account=key.account,
            key_id=key.key_id,
            grantee_principal=request.grantee_principal,
            issuing_account=call.caller.account,
            operations=frozenset(enum_aws_value(operations, number) for number in request.operations),
            created_at=self._clock.now(),
            name=request.name,
            retiring_principal=request.retiring_principal,
            constraint_type=kind,
            constraint=pairs,
            source_arn=request.constraints.source_arn,
        )

    # ---- a grant that is to end

    async def _find_ended(self, call: Call) -> None:
        named = call.ended_grant_id
        async with self._store.reading() as uow:
            grant = await uow.grants.find(named)
        key = call.keys.get("key_id")
        if "key_id" in call.absent:
            raise call.absent["key_id"]
        account, retires = call.caller.account, call.rpc.name == Operation.RETIRE_GRANT
        matches = grant is not None and (key is None or (key.account, key.key_id) == (grant.account, grant.key_id))
        may_end = grant is not None and (not retires or _may_retire(grant, call.caller))
        if key is not None and key.account != account and not (matches and may_end):
            raise foreign_denial(call.caller, call.rpc.requires[0].action)  # an absent grant would say that the key is there
        if grant is None or not matches:
            raise NotFoundException(f"Grant ID {named} not found")
        call.grant = grant
        if retires:
            if not may_end:
                raise AccessDeniedException("The grant can be retired by its retiring principal, its grantee or its account alone.")
            call.keys = {"grant_id": key or await self._key_of(grant)}
            call.grants["grant_id"] = (grant,)

    def _named_end(self, call: Call) -> str:
        named = text_of(call.request, "grant_id")
        return self._named_by_retirement(call.asks(RetireGrantRequest), named) if call.rpc.name == Operation.RETIRE_GRANT else named

    def _named_by_retirement(self, request: RetireGrantRequest, named: str) -> str:
        if request.HasField("grant_token"):
            of_token = self._grant_id_of(request.grant_token)
            if named and named != of_token:
                raise ValidationException("GrantToken and GrantId name two grants.", fields=[("grantId", "not that of the token")])
            return of_token
        if not (named and request.HasField("key_id")):
            raise ValidationException("Either a grant token, or a key id and a grant id, is needed.", fields=[("grantToken", "missing")])
        return named

    async def _key_of(self, grant: Grant) -> Key:
        key = await self._directory.find(grant.account, grant.key_id)
        if key is None:
            raise NotFoundException(f"Grant ID {grant.grant_id} not found")
        return key


def _require_wanted(request: CreateGrantRequest, partition: str) -> None:
    if request.HasField("grantee_service_principal") or request.HasField("retiring_service_principal"):
        raise ValidationException("Service principals do not exist here.", fields=[("granteeServicePrincipal", "no such principal")])
    if not request.HasField("grantee_principal"):
        raise ValidationException("GranteePrincipal is required.", fields=[("granteePrincipal", "missing")])
    for field in ("grantee_principal", "retiring_principal"):
        if request.HasField(field):
            require_principal(getattr(request, field))
            require_own_partition(getattr(request, field), partition)
    _constraint(request)


def _require_grant_id(text: str) -> None:
    if not GRANT_ID.fullmatch(text):
        raise InvalidGrantIdException(f"Grant ID {text} is not valid.")


def _may_retire(grant: Grant, principal: Principal) -> bool:
    """Those who have a standing in the grant; a policy must allow those of its account, and may forbid it to anybody."""
    if is_retiring(grant, principal) or (is_grantee(grant, principal) and "RetireGrant" in grant.operations):
        return True
    return principal.account == grant.issuing_account


def _constraint(request: CreateGrantRequest) -> tuple[str, dict[str, str]]:
    constraints = request.constraints
    equals = _pairs("encryptionContextEquals", constraints.encryption_context_equals)
    subset = _pairs("encryptionContextSubset", constraints.encryption_context_subset)
    if equals and subset:
        raise ValidationException("More than one constraint supplied", fields=[("constraints", "two encryption contexts")])
    return (EQUALS, equals) if equals else (SUBSET, subset) if subset else ("", {})


def _pairs(name: str, given: Mapping[str, str]) -> dict[str, str]:
    require_constraint_size(name, given)
    return dict(given)

"""GrantsService: permissions on one key for one principal.

Source: AWS KMS API Reference, CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant.
"""

from __future__ import annotations

from typing import Any, Final

from meridian.call import Call
from meridian.domain.grant import EQUALS, GRANT_TOKEN, SUBSET, Grant, account_of, require_grant_terms
from meridian.domain.home import Home
from meridian.domain.identifiers import key_arn
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.errors import (
    DryRunOperationException,
    InvalidArnException,
    KMSInternalException,
    LimitExceededException,
    NotFoundException,
)
from meridian.kms.v1 import grants_pb2, types_pb2
from meridian.operations.change import Answer, KeyChanges
from meridian.operations.page import Page
from meridian.operations.present import add_enums
from meridian.ports.page_markers import PageMarkers
from meridian.ports.store.store import Store, UnitOfWork

LIST_LIMIT_DEFAULT: Final = 50


class Grants:
    """A grant acts as soon as CreateGrant has answered; its token adds nothing, and is accepted everywhere."""

    def __init__(self, *, store: Store, page_markers: PageMarkers, changes: KeyChanges, home: Home, limits: Limits) -> None:
        self._store = store
        self._page_markers = page_markers
        self._changes = changes
        self._home = home
        self._limits = limits

    async def create_grant(self, request: grants_pb2.CreateGrantRequest, call: Call) -> grants_pb2.CreateGrantResponse:
        """A grant and a token for it; the one that is there, where the same was created under the same name.

        Raises: ValidationException for what this key cannot grant; LimitExceededException, DryRunOperationException.
        """
        wanted = call.grant
        if wanted is None:
            raise KMSInternalException(reason="no grant to create")
        require_grant_terms(call.keys["key_id"], wanted)
        if call.dry_run:
            async with self._store.reading() as uow:
                await self._same_or_room(uow, wanted)
            raise DryRunOperationException
        made = wanted

        async def change(uow: UnitOfWork, key: Key) -> Key:
            nonlocal made
            same = await self._same_or_room(uow, wanted)
            if same is None:
                await uow.grants.insert(wanted)
            else:
                made = same
            return key

        def answer(_: Key) -> grants_pb2.CreateGrantResponse:
            return grants_pb2.CreateGrantResponse(
                grant_token=self._page_markers.page_marker(GRANT_TOKEN, made.grant_id), grant_id=made.grant_id
            )

        return await self._changes.apply(call, call.keys["key_id"], change, answer)

    async def _same_or_room(self, uow: UnitOfWork, wanted: Grant) -> Grant | None:
        """The grant that is there and says the same; None where there is room for the wanted one. Raises: LimitExceededException."""
        there = await uow.grants.of_principals(wanted.account, wanted.key_id, [wanted.grantee_principal])
        same = next((grant for grant in there if grant.is_same(wanted)), None)
        if same is not None:
            return same
        quota, current = self._limits.grants_per_key, await uow.grants.count(wanted.account, wanted.key_id)
        if current >= quota:
            raise LimitExceededException(f"Grants per key quota is {quota}, current usage is {current}.")
        return None

    async def list_grants(self, request: grants_pb2.ListGrantsRequest, call: Call) -> grants_pb2.ListGrantsResponse:
        """The key's grants by id. Raises: InvalidMarkerException."""
        key = call.keys["key_id"]
        page = Page(self._page_markers, call, f"{key.arn} {request.grant_id} {request.grantee_principal}", default=LIST_LIMIT_DEFAULT)
        async with self._store.reading() as uow:
            found = await uow.grants.list(
                key.account,
                key.key_id,
                grantee=request.grantee_principal,
                grant_id=request.grant_id,
                after=page.after,
                limit=page.limit + 1,
            )
        response = grants_pb2.ListGrantsResponse()
        response.grants.extend(self._entry(grant) for grant in page.cut(response, found, [g.grant_id for g in found]))
        return response

    async def list_retirable_grants(
        self, request: grants_pb2.ListRetirableGrantsRequest, call: Call
    ) -> grants_pb2.ListRetirableGrantsResponse:
        """Grants in this Region that a principal of the caller's account may retire, on keys of any account.

        Raises: InvalidArnException for a principal of another account, whether he is there or not; InvalidMarkerException.
        """
        retiring = request.retiring_principal
        if account_of(retiring) != call.caller.account:
            raise InvalidArnException("RetiringPrincipal must be a principal of the caller's account.")
        page = Page(self._page_markers, call, retiring, default=LIST_LIMIT_DEFAULT)
        async with self._store.reading() as uow:
            found = await uow.grants.list_retirable(retiring, after=page.after, limit=page.limit + 1)
        response = grants_pb2.ListRetirableGrantsResponse()
        response.grants.extend(self._entry(grant) for grant in page.cut(response, found, [g.grant_id for g in found]))
        return response

    async def retire_grant(self, request: grants_pb2.RetireGrantRequest, call: Call) -> grants_pb2.RetireGrantResponse:
        """The grant has ended. Raises: NotFoundException, DryRunOperationException."""
        return await self._end(call, call.keys["grant_id"], grants_pb2.RetireGrantResponse())

    async def revoke_grant(self, request: grants_pb2.RevokeGrantRequest, call: Call) -> grants_pb2.RevokeGrantResponse:
        """The grant has ended. Raises: NotFoundException, DryRunOperationException."""
        return await self._end(call, call.keys["key_id"], grants_pb2.RevokeGrantResponse())

    async def _end(self, call: Call, resolved: Key, answer: Answer) -> Answer:
        grant = call.grant
        if grant is None:
            raise KMSInternalException(reason="no grant to end")
        if call.dry_run:
            raise DryRunOperationException
        call.audit_data["grantId"] = grant.grant_id

        async def change(uow: UnitOfWork, key: Key) -> Key:
            if not await uow.grants.delete(grant):
                raise NotFoundException(f"Grant ID {grant.grant_id} not found")
            return key

        return await self._changes.apply(call, resolved, change, lambda _: answer)

    def _entry(self, grant: Grant) -> types_pb2.GrantListEntry:
        home = self._home
        entry = types_pb2.GrantListEntry(
            key_id=key_arn(home.partition, home.region, grant.account, grant.key_id),
            grant_id=grant.grant_id,
            name=grant.name,
            grantee_principal=grant.grantee_principal,
            issuing_account=f"arn:{home.partition}:iam::{grant.issuing_account}:root",
        )
        entry.creation_date.FromDatetime(grant.created_at.replace(microsecond=0))
        add_enums(entry, "operations", sorted(grant.operations))
        if grant.retiring_principal:
            entry.retiring_principal = grant.retiring_principal
        _constrain(entry.constraints, grant)
        return entry


def _constrain(constraints: Any, grant: Grant) -> None:
    """Fill in what constrains the grant; a grant without constraints leaves the message unset."""
    if grant.constraint_type == EQUALS:
        constraints.encryption_context_equals.update(grant.constraint)
    elif grant.constraint_type == SUBSET:
        constraints.encryption_context_subset.update(grant.constraint)
    if grant.source_arn:
        constraints.source_arn = grant.source_arn

"""Which keys, or which custom key store, is the call about.

Keys come from memory; a key that is not there is one read of the store, the only wait before the audit record. A caller of
another account learns nothing here: what does not exist is noted and refused later, where a key that he may not see would be, with the
same words and after the same work.

Source: AWS KMS Developer Guide, Key identifiers; recorded answers for order and texts.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from meridian.call import Call
from meridian.contract.catalog import Requirement, rpcs
from meridian.contract.cross_field import ignores_ciphertext
from meridian.contract.fields import text_of
from meridian.contract.operation import Operation
from meridian.domain.ciphertext_blob import CiphertextBlob, parse_ciphertext_blob
from meridian.domain.identifiers import KeyReference, alias_arn, key_arn, parse_key_reference
from meridian.domain.key import Key
from meridian.domain.key_store import NO_STORE, KeyStoreType
from meridian.errors import AccessDeniedException, IncorrectKeyException, KmsError, NotFoundException
from meridian.kms.v1.types_pb2 import ENCRYPTION_ALGORITHM_SPEC_SYMMETRIC_DEFAULT
from meridian.pipeline.denial import foreign_denial
from meridian.ports.key_directory import KeyDirectory
from meridian.ports.security_events import SecurityEvents
from meridian.ports.store.store import Store

ALGORITHM: Final = {Operation.DECRYPT: "encryption_algorithm", Operation.RE_ENCRYPT: "source_encryption_algorithm"}
NAMES_ITS_KEY: Final = (0, ENCRYPTION_ALGORITHM_SPEC_SYMMETRIC_DEFAULT)
"""The ciphertext of a symmetric key names its key; that of an RSA key is bare."""

ALIAS_FIELD: Final = "alias_name"
ALIAS_OPERATIONS: Final = frozenset({Operation.UPDATE_ALIAS, Operation.DELETE_ALIAS})
"""Operations on an alias that must be there; the key behind it is decided on too."""
ALIAS_MARK: Final = "alias/"
STORE_OPERATIONS: Final = frozenset(name for name, rpc in rpcs().items() if any(each.resource == "KEY_STORE" for each in rpc.requires))
"""Operations on one custom key store."""

UNUSABLE_CIPHERTEXT: Final = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access."
)


class Resolve:
    """Fills `call.keys`, `call.absent` for keys that would be another account's, and `call.key_store_type`. Raises:
    InvalidCiphertextException, NotFoundException, InvalidArnException, IncorrectKeyException."""

    def __init__(self, directory: KeyDirectory, store: Store, events: SecurityEvents, *, partition: str, region: str) -> None:
        self._directory = directory
        self._store = store
        self._events = events
        self._partition = partition
        self._region = region

    def __call__(self, call: Call) -> Awaitable[None] | None:
        blob_field = call.rpc.ciphertext_key_field
        if (
            blob_field
            and call.request.HasField("ciphertext_blob")
            and not ignores_ciphertext(call.request)
            and getattr(call.request, ALGORITHM[call.rpc.name]) in NAMES_ITS_KEY
        ):
            call.blob = parse_ciphertext_blob(getattr(call.request, "ciphertext_blob"))  # noqa: B009 - of two operations
        if call.rpc.name in ALIAS_OPERATIONS:
            return self._with_alias_target(call)
        if call.rpc.name in STORE_OPERATIONS:
            return self._key_store(call)
        for number, (field, alias_allowed) in enumerate(call.rpc.key_fields):
            if not self._from_memory(call, field, blob_field, alias_allowed=alias_allowed):
                return self._from_store(call, number, blob_field)
        return None

    def _from_memory(self, call: Call, field: str, blob_field: str, *, alias_allowed: bool) -> bool:
        account = call.caller.account
        if call.request.HasField(field):
            text = getattr(call.request, field)
            is_alias = ALIAS_MARK in text
            if is_alias and not alias_allowed:
                return False  # refused where names are read
            key = self._directory.find_cached(account, text)
            if is_alias and key is not None:
                call.aliases[field] = text[text.index(ALIAS_MARK) :]
        elif field == blob_field and call.blob is not None:
            key = self._directory.find_cached_number(call.blob.number, multi_region=call.blob.multi_region)
        else:
            return True
        if key is None or key.account != account:
            return False  # a key of another account is looked for as one that may not be there
        call.keys[field] = key
        return True

    async def _key_store(self, call: Call) -> None:
        """The type of a store never changes: what is decided on it holds until the operation, which refuses one that is not there. Who may
        not do it learns nothing of whether it is."""
        async with self._store.reading() as uow:
            row = await uow.key_stores.find(call.caller.account, text_of(call.request, "custom_key_store_id"))
        call.key_store_type = NO_STORE if row is None else KeyStoreType(row.kind)

    async def _with_alias_target(self, call: Call) -> None:
        """The key that the named alias points at now, then the keys that the request names."""
        account, name = call.caller.account, text_of(call.request, "alias_name")
        key = await self._directory.find_by_alias(account, name)
        if key is None:
            raise self._no_alias(account, name)
        call.keys[ALIAS_FIELD] = key
        await self._from_store(call, 0, "")

    async def _from_store(self, call: Call, first: int, blob_field: str) -> None:
        for field, alias_allowed in call.rpc.key_fields[first:]:
            if call.request.HasField(field):
                text = text_of(call.request, field)
                key = await self._named(call, field, text, alias_allowed=alias_allowed, may_be_foreign=field == blob_field)
            elif field == blob_field and call.blob is not None:
                key = await self._by_blob(call, call.blob)
                if key is None:
                    call.absent[field] = AccessDeniedException(UNUSABLE_CIPHERTEXT)
            else:
                continue
            if key is not None:
                call.keys[field] = key

    async def _by_blob(self, call: Call, blob: CiphertextBlob) -> Key | None:
        return await self._abroad(self._directory.find_by_number(call.caller.account, blob.number, multi_region=blob.multi_region))

    async def _abroad(self, looking: Awaitable[Key | None]) -> Key | None:
        """A key that may be another account's. One that is there and cannot be read is answered as one that is absent."""
        try:
            return await looking
        except KmsError:
            raise
        except Exception as fault:
            self._events.report_fault(fault, during="a look for a key of another account")
            return None

    async def _named(self, call: Call, field: str, text: str, *, alias_allowed: bool, may_be_foreign: bool) -> Key | None:
        reference = parse_key_reference(text, alias_allowed=alias_allowed)
        caller = call.caller.account
        if reference.is_arn and (reference.region != self._region or reference.partition != self._partition):
            raise _elsewhere(reference, names_ciphertext_key=may_be_foreign)
        account = reference.account or caller
        if reference.alias:
            call.aliases[field] = reference.alias
        key = await self._find(caller, account, reference)
        if key is None and may_be_foreign and not reference.is_arn and call.blob is not None and call.blob.key_id == reference.key_id:
            account, key = "", await self._by_blob(call, call.blob)
        if key is not None:
            if key.account == caller:
                self._directory.remember(caller, text, key)
            return key
        if account == caller:
            raise self._absent(account, reference)
        call.absent[field] = foreign_denial(call.caller, action_on(call, field))
        return None

    async def _find(self, caller: str, account: str, reference: KeyReference) -> Key | None:
        if account != caller:
            return await self._abroad(self._directory.find_abroad(caller, account, reference.alias or reference.key_id))
        if reference.alias:
            return await self._directory.find_by_alias(account, reference.alias)
        return await self._directory.find(account, reference.key_id)

    def _no_alias(self, account: str, name: str) -> KmsError:
        return NotFoundException(f"Alias {alias_arn(self._partition, self._region, account, name)} is not found.")

    def _absent(self, account: str, reference: KeyReference) -> KmsError:
        if reference.alias:
            return self._no_alias(account, reference.alias)
        return NotFoundException(f"Key '{key_arn(self._partition, self._region, account, reference.key_id)}' does not exist")


def _elsewhere(reference: KeyReference, *, names_ciphertext_key: bool) -> KmsError:
    if names_ciphertext_key:
        return IncorrectKeyException(reason="key ARN of another Region")
    return NotFoundException(f"Invalid arn {reference.region}")


def action_on(call: Call, field: str) -> str:
    """The permission that a key in this field is asked for."""
    requires: tuple[Requirement, ...] = call.rpc.requires
    return next((r.action for r in requires if r.resource_field == field), requires[0].action)

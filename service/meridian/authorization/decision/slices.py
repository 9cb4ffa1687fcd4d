"""Slices: for one action on one resource, the policies that can matter, parsed once, with the narrowest schema that fits.

A policy is left out only when its action or resource scope cannot match; conditions are never looked at. Slices with the same
policies share one compiled form, so ten thousand keys without a policy of their own cost one. Whoever remembers a slice elsewhere
does so by its number or weakly: it is in memory as long as it is kept here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from meridian.authorization.language.evaluator import PolicyHandle, SchemaHandle
from meridian.authorization.language.policies import Policy
from meridian.authorization.language.read_set import as_record, read_set, record_tags
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.language.text_tests import TextTests
from meridian.domain.bounded_cache import BoundedCache, Caches, nobody
from meridian.domain.cache_entries import Owner
from meridian.domain.weights import deep_bytes

COMPILED_MAX: Final = 4096
SLICE_BYTES: Final = 700
"""The slice itself with its name."""
REFERENCE_BYTES: Final = 32
"""Of a policy in a set, which is half filled."""

SliceName = tuple[str, frozenset[Policy]]
SchemaName = tuple[str, frozenset[str], frozenset[str], tuple[str, ...] | None]

_numbers = count()


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class CompiledSlice:
    """Policies ready to be asked, what they read, and the schema cut to it."""

    action: str
    members: frozenset[Policy]
    policies: PolicyHandle
    schema: SchemaHandle
    attributes: tuple[str, ...]
    request_attributes: tuple[str, ...]
    tags: dict[str, TextTests | None] | None
    """Tags of the encryption context that are read, with all that is asked of the text, None for the text itself; None for all of it."""
    is_timelike: bool
    is_record: bool
    """The encryption context is passed as a record of just those tags."""
    schema_name: SchemaName
    number: int = field(default_factory=lambda: next(_numbers))
    """No other slice of this process has it."""


class SliceCompiler:
    """Compiles slices, each set of policies once."""

    def __init__(self, model: SchemaModel, caches: Caches, parses: int = 0) -> None:
        self._model = model
        self._request_attributes = frozenset(name.rstrip("?") for name in model.types["Request"])
        self._compiled: BoundedCache[SliceName, CompiledSlice] = BoundedCache(
            caches, "slices", most=COMPILED_MAX, weigh=_slice_bytes, left=nobody
        )
        self._schemas: BoundedCache[SchemaName, SchemaHandle] = BoundedCache(
            caches, "schemas", most=COMPILED_MAX, weigh=deep_bytes, left=self._compiled.forget
        )
        self.parses = parses
        """How many policy sets were parsed; a warm call parses none."""

    @property
    def caches(self) -> tuple[BoundedCache[SchemaName, SchemaHandle], BoundedCache[SliceName, CompiledSlice]]:
        """What is kept in memory, to be freed piece by piece when this compiler is done."""
        return self._schemas, self._compiled

    def forget(self, owner: Owner) -> None:
        """Forget the slices with policies of this owner, for they are no longer those that are read."""
        self._compiled.forget(owner)

    @property
    def kept(self) -> tuple[int, int]:
        """How many slices and schemas are in memory."""
        return len(self._compiled), len(self._schemas)

    def find(self, action: str, policies: Iterable[Policy]) -> CompiledSlice | None:
        """The compiled slice of these policies, where it is in memory."""
        return self._compiled.get((action, frozenset(policies)))

    def touch(self, kept: CompiledSlice) -> None:
        """Say that a slice was asked for by somebody who remembered it, so that it does not leave as one that nobody asks for."""
        self._compiled.get((kept.action, kept.members))
        self._schemas.get(kept.schema_name)

    def keep(self, made: CompiledSlice, owners: Iterable[Owner], account: str) -> None:
        """Have a slice in memory from now on, as long as its schema and the owners of its policies are; made for this account's callers."""
        self.parses += 1
        if self._schemas.get(made.schema_name) is None:  # it left while the slice was made
            self._schemas.keep(made.schema_name, made.schema, (), account)
        self._compiled.keep((made.action, made.members), made, (made.schema_name, *owners), account)

    def make(self, action: str, members: Iterable[Policy], account: str) -> CompiledSlice:
        """A slice compiled anew for a caller of this account: some milliseconds, in which other threads run. May be called from any
        thread."""
        policies = frozenset(members)
        whole = frozenset(name.rstrip("?") for name in self._model.context_attributes(action))
        reads = read_set((p.est for p in policies), whole - {"request"}, self._request_attributes)
        attributes, requested = reads.attributes & whole, reads.request_attributes & self._request_attributes
        record = record_tags(reads)
        schema_name = (action, attributes, requested, record)
        return CompiledSlice(
            action=action,
            members=policies,
            policies=PolicyHandle((p.policy_id, p.est if record is None else as_record(p.est)) for p in policies),
            schema=self._schema(schema_name, account),
            attributes=tuple(sorted(attributes)),
            request_attributes=tuple(sorted(requested)),
            tags=None if reads.tags is None else {tag: reads.tests.get(tag) for tag in sorted(reads.tags)},
            is_timelike=reads.is_timelike,
            is_record=record is not None,
            schema_name=schema_name,
        )

    def _schema(self, name: SchemaName, account: str) -> SchemaHandle:
        known = self._schemas.get(name)
        if known is None:
            known = SchemaHandle(self._model.narrow(*name))
            self._schemas.keep(name, known, (), account)  # key policies name tags as they like, so there is no end of schemas
        return known


def _slice_bytes(_name: SliceName, made: CompiledSlice) -> int:
    """Without the schema and a key's policies, which are counted where they are kept, and the policies of the files, which all share."""
    held = deep_bytes(made.policies, made.attributes, made.request_attributes, made.tags)
    return SLICE_BYTES + held + REFERENCE_BYTES * len(made.members)

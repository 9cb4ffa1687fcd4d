"""Slices: for one action on one resource, the policies that can matter, parsed once, with the narrowest schema that fits.

A policy is left out only when its action or resource scope cannot match; conditions are never looked at. Slices with the same
policies share one compiled form, so ten thousand keys without a policy of their own cost one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from meridian.authorization.evaluator import PolicyHandle, SchemaHandle
from meridian.authorization.policies import Policy
from meridian.authorization.read_set import as_record, read_set, record_tags
from meridian.authorization.schema_model import SchemaModel

COMPILED_MAX: Final = 4096


@dataclass(frozen=True, slots=True, eq=False)
class CompiledSlice:
    """Policies ready to be asked, what they read, and the schema cut to it."""

    action: str
    members: frozenset[Policy]
    policies: PolicyHandle
    schema: SchemaHandle
    attributes: tuple[str, ...]
    request_attributes: tuple[str, ...]
    tags: tuple[str, ...] | None
    """Tags of the encryption context that are read, sorted; None for all of it."""
    is_timelike: bool
    is_record: bool
    """The encryption context is passed as a record of just those tags."""


class SliceCompiler:
    """Compiles slices, each set of policies once."""

    def __init__(self, model: SchemaModel, parses: int = 0) -> None:
        self._model = model
        self._request_attributes = frozenset(name.rstrip("?") for name in model.types["Request"])
        self._compiled: OrderedDict[tuple[str, frozenset[Policy]], CompiledSlice] = OrderedDict()
        self._schemas: OrderedDict[tuple[str, frozenset[str], frozenset[str], tuple[str, ...] | None], SchemaHandle] = OrderedDict()
        self._lock = Lock()
        self.parses = parses
        """How many policy sets were parsed; a warm call parses none."""

    @property
    def caches(self) -> tuple[OrderedDict[Any, Any], ...]:
        """What is kept in memory, to be freed piece by piece when this compiler is done."""
        return self._schemas, self._compiled

    @property
    def kept(self) -> tuple[int, int]:
        """How many slices and schemas are in memory."""
        return len(self._compiled), len(self._schemas)

    def find(self, action: str, policies: Iterable[Policy]) -> CompiledSlice | None:
        """The compiled slice of these policies, where it is in memory."""
        name = (action, frozenset(policies))
        known = self._compiled.get(name)
        if known is not None:
            self._compiled.move_to_end(name)
        return known

    def keep(self, made: CompiledSlice) -> None:
        """Have a slice in memory from now on."""
        self.parses += 1
        self._compiled[(made.action, made.members)] = made
        if len(self._compiled) > COMPILED_MAX:
            self._compiled.popitem(last=False)

    def make(self, action: str, members: Iterable[Policy]) -> CompiledSlice:
        """A slice compiled anew: some milliseconds, in which other threads run. May be called from any thread."""
        policies = frozenset(members)
        whole = frozenset(name.rstrip("?") for name in self._model.context_attributes(action))
        reads = read_set((p.est for p in policies), whole - {"request"}, self._request_attributes)
        attributes, requested = reads.attributes & whole, reads.request_attributes & self._request_attributes
        record = record_tags(reads)
        return CompiledSlice(
            action=action,
            members=policies,
            policies=PolicyHandle((p.policy_id, p.est if record is None else as_record(p.est)) for p in policies),
            schema=self._schema(action, attributes, requested, record),
            attributes=tuple(sorted(attributes)),
            request_attributes=tuple(sorted(requested)),
            tags=None if reads.tags is None else tuple(sorted(reads.tags)),
            is_timelike=reads.is_timelike,
            is_record=record is not None,
        )

    def _schema(self, action: str, attributes: frozenset[str], requested: frozenset[str], record: tuple[str, ...] | None) -> SchemaHandle:
        name = (action, attributes, requested, record)
        known = self._schemas.get(name)
        if known is None:
            known = SchemaHandle(self._model.narrow(action, attributes, requested, record))
            with self._lock:
                self._schemas[name] = known
                if len(self._schemas) > COMPILED_MAX:  # key policies name tags as they like, so there is no end of schemas
                    self._schemas.popitem(last=False)
        return known

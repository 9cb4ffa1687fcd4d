"""A message of a quarter of a megabyte holds tens of thousands of pairs: they are counted before anything looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from google.protobuf.descriptor import Descriptor

from meridian.adapters.clock_system import SystemClock
from meridian.audit.record_bounds import RECORD_BYTES_MAX
from meridian.audit.shown_parameters import parameters_of
from meridian.call import Call, Evidence
from meridian.contract.catalog import is_map, rpcs, served_rpcs
from meridian.contract.fields import descriptor_of
from meridian.contract.names import lower_camel
from meridian.domain.encryption_context import CONTEXT_FIELDS, canonical_encryption_context
from meridian.domain.limits import ENCRYPTION_CONTEXT_BYTES_MAX, ENCRYPTION_CONTEXT_PAIRS_MAX, GRANT_CONSTRAINT_PAIRS_MAX
from meridian.errors import ValidationException
from meridian.pipeline import find_grants
from meridian.pipeline.validate import Validate

MANY = {f"{number:x}": "" for number in range(24_000)}
CONSTRAINTS = ("encryption_context_equals", "encryption_context_subset")


def maps_of(message: Descriptor, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for field in message.fields:
        if field.is_repeated and is_map(field):
            yield (*path, field.name)
        elif field.message_type is not None and len(path) < 3:
            yield from maps_of(field.message_type, (*path, field.name))


MAPS = sorted({(rpc.name, path) for rpc in served_rpcs().values() for path in maps_of(descriptor_of(rpc.request_class))})


class Untouched(dict[str, str]):
    """Pairs that are counted and nothing else."""

    def _touch(self, *_: Any) -> Any:
        raise AssertionError("the pairs were looked at")

    __iter__ = items = keys = values = __getitem__ = _touch


def test_every_map_of_the_contract_is_one_that_is_counted() -> None:
    assert MAPS
    assert {path[-1] for _, path in MAPS} == {*CONTEXT_FIELDS, *CONSTRAINTS}
    assert {field: lower_camel(field) for field in CONTEXT_FIELDS} == CONTEXT_FIELDS


@pytest.mark.parametrize("count", [ENCRYPTION_CONTEXT_PAIRS_MAX + 1, 24_000])
def test_pairs_are_counted_before_they_are_looked_at(count: int) -> None:
    many = Untouched((f"{number:x}", "") for number in range(count))
    with pytest.raises(ValidationException, match="too many pairs"):
        canonical_encryption_context(many)
    with pytest.raises(ValidationException, match="more than 8 pairs"):
        find_grants._pairs("encryptionContextEquals", many)


def test_no_context_that_was_accepted_is_refused_for_its_pairs() -> None:
    shortest = {chr(number): "" for number in range(1, 128)} | {f"{number:02x}": "" for number in range(200)}
    left = ENCRYPTION_CONTEXT_BYTES_MAX - len(canonical_encryption_context(shortest))
    assert len(shortest) + left // 5 <= ENCRYPTION_CONTEXT_PAIRS_MAX


@pytest.mark.parametrize("name", sorted({name for name, _ in MAPS} & set(rpcs())))
def test_a_record_shows_no_pair_of_too_many(name: str) -> None:
    rpc = rpcs()[name]
    for path in (path for each, path in MAPS if each == name):
        request = holder = rpc.request_class()
        for part in path[:-1]:
            holder = getattr(holder, part)
        getattr(holder, path[-1]).update(MANY)
        call = Call(rpc, request, Evidence(), "id", datetime(2026, 1, 1, tzinfo=UTC))
        call.started = SystemClock().monotonic()
        if len(path) == 1:
            with pytest.raises(ValidationException):
                Validate()(call)
            assert call.contexts == {}
        assert len(orjson.dumps(parameters_of(request))) < RECORD_BYTES_MAX


def test_a_grant_constraint_is_bounded_in_pairs_and_in_the_length_of_a_value() -> None:
    few = {str(number): "v" * 384 for number in range(GRANT_CONSTRAINT_PAIRS_MAX)}
    assert find_grants._pairs("encryptionContextSubset", few) == few
    with pytest.raises(ValidationException, match="384 characters"):
        find_grants._pairs("encryptionContextSubset", {"a": "v" * 385})

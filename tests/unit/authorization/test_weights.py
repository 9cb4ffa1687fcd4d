"""What caches say that they take is within a factor of two of what they take: in Python by a walk of the collector, outside by malloc."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from functools import partial
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import pytest
from tests.cache_memory import cache_memory

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.store_cache import CachedKeys
from meridian.audit.record_maker import Parts
from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.language.evaluator import EntityHandle, PolicyHandle, SchemaHandle, parse_policies
from meridian.authorization.language.schema_model import SchemaModel
from meridian.crypto import key_pairs
from meridian.domain.bounded_cache import BoundedCache
from meridian.domain.grant import Grant
from meridian.domain.key import Key, KeyMaterial
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal
from meridian.domain.weights import key_pair_bytes

KEYS = 60
ANYTHING = '@id("p") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"111122223333");'


class MallInfo(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    ]


def malloc_bytes() -> int:
    library = ctypes.CDLL(None)
    library.mallinfo2.restype = MallInfo
    told = library.mallinfo2()
    return int(told.uordblks + told.hblkhd)


def walked(values: list[Any], known: list[Any]) -> int:
    """Bytes of everything that the collector can reach, without what was there before."""
    seen, total = set[int](), 0
    for roots, counts in ((known, False), (values, True)):
        left = list(roots)
        while left:
            value = left.pop()
            if id(value) in seen or isinstance(value, type | Enum | ModuleType | FunctionType | BuiltinFunctionType):
                continue
            seen.add(id(value))
            if counts:
                total += sys.getsizeof(value) + getattr(value, "outside_bytes", 0)
            left += gc.get_referents(value)
    return total


def within_two(told: int, real: float) -> bool:
    return real / 2 <= told <= 2 * real


FORMS = ("plain", "with policies and tags")
KEY_POLICY = """
permit (principal, action == KMS::Action::"Encrypt", resource) when { context.encryptionContext.hasTag("tenant") };
forbid (principal, action, resource) when { principal.account == "999999999999" || principal.arn like "*:user/nobody" };
"""


def some_key(plain: Key, number: int, form: str) -> Key:
    day = plain.created_at + timedelta(seconds=number)
    if form == "plain":
        return replace(plain, key_id=f"1234abcd-12ab-34cd-56ef-{number:012x}", created_at=day)
    return replace(
        plain,
        key_id=f"1234abcd-12ab-34cd-56ef-{number:012x}",
        created_at=day,
        policy=KEY_POLICY + f'permit (principal, action, resource) when {{ principal.account == "{number:012d}" }};',
        tags=tuple((f"tag{each}-{number}", f"value {each} of {number}" * 3) for each in range(10)),
        aliases=tuple(f"alias/team/{number}/{each}" for each in range(3)),
        materials=tuple(KeyMaterial(f"{number:060x}{each:04x}", each, 1, bytes([each]) * 120) for each in range(3)),
    )


@pytest.mark.parametrize("form", FORMS)
def test_what_is_remembered_of_decisions_weighs_what_is_told(
    authorizer_of: Callable[[str], Authorizer], key: Key, request_facts: dict[str, Any], form: str
) -> None:
    authorizer = authorizer_of(
        '@id("p") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"111122223333");'
    )
    live = authorizer._live
    known = [live.source, authorizer._model, key, request_facts]
    for number in range(KEYS):
        name = f"caller-{number}"
        tags = tuple((f"t{each}", f"v{each}-{number}") for each in range(3)) if form != "plain" else ()
        principal = Principal("User", "111122223333", name, f"arn:aws:iam::111122223333:user/{name}", (f"g{number}",), tags)
        facts = PlainFacts({"encryptionContext": {"tenant": f"t{number}"}, "encryptionContextKeys": ["tenant"]}, request_facts)
        assert not authorizer.decide(principal, "Encrypt", some_key(key, number, form), facts).errors
    measured: dict[str, BoundedCache[Any, Any]] = {
        "members": live.members,
        "narrowed": live.narrowed,
        "entities": live.bases,
        "decisions": live.decisions,
    }
    if form != "plain":
        measured |= {"policies": live.read, "slices": live.compiler.caches[1]}
    schemas = list(live.compiler.caches[0]._kept.values())
    for name, cache in measured.items():
        assert len(cache) == KEYS, name
        policies = [] if cache is live.read else list(live.read._kept.values())  # counted there alone
        real = walked([cache._kept, cache._owned, cache._shares], [*known, schemas, policies, cache._weigh])
        assert within_two(cache.bytes, real), f"{name}: {cache.bytes / KEYS:.0f} told, {real / KEYS:.0f} walked"


@pytest.mark.parametrize("form", FORMS)
def test_what_is_kept_of_keys_and_records_weighs_what_is_told(key: Key, form: str) -> None:
    caches = cache_memory()
    store: Any = None
    directory = CachedKeys(store, SystemClock(), caches)
    parts = Parts(caches)
    for number in range(KEYS):
        made = some_key(key, number, form)
        directory._keep(made, 0)
        directory.remember(made.account, made.arn, made)
        grant = Grant(
            f"{number:064x}", key.account, made.key_id, f"arn:aws:iam::{key.account}:role/{number}", key.account,
            frozenset({"Encrypt", "Decrypt"}), made.created_at,
        )  # fmt: skip
        name = (made.account, made.key_id)
        directory._grants.keep((name, grant.grantee_principal), (grant,), (name,), key.account)
        decided = PolicyDecision("Encrypt", made.arn, True, (f"key/{made.key_id}/1",), 0)
        parts.of("decisions", (decided,), [made], key.account, lambda _: {"userIdentity": {}})
    for cache in (directory._keys, directory._numbers, directory._spellings, directory._grants, parts._kept):
        assert len(cache) == KEYS
        kept: Any = cache
        known = [key, kept._weigh]
        real = walked([kept._kept, kept._owned, kept._shares], known)
        assert within_two(cache.bytes, real), f"{cache.bytes / KEYS:.0f} told, {real / KEYS:.0f} walked"


# ---- outside of Python


def grown(make: Callable[[int], Any], count: int = 60) -> float:
    """Bytes of malloc that each of these takes."""
    kept = [make(number) for number in range(5)]
    gc.collect()
    before = malloc_bytes()
    kept += [make(number) for number in range(count)]
    gc.collect()
    return (malloc_bytes() - before) / count


def test_parsed_policies_and_entities_and_schemas_take_what_is_told(schema: SchemaHandle) -> None:
    model = SchemaModel(schema.text)
    narrow = model.narrow("Encrypt", frozenset(), frozenset(), None)
    small = SchemaHandle(narrow)

    def handle_of(named: list[tuple[str, Any]], _: int) -> PolicyHandle:
        return PolicyHandle(named)

    def entities_of(entities: list[dict[str, Any]], _: int) -> EntityHandle:
        return EntityHandle.build(entities, small)

    assert within_two(small.outside_bytes, grown(lambda _: SchemaHandle(narrow)))
    for text in (KEY_POLICY, KEY_POLICY * 20):
        named = [(f"{number}", est) for number, est in enumerate(parse_policies(text))]
        assert within_two(PolicyHandle(named).outside_bytes, grown(partial(handle_of, named)))
    for count in (3, 50):
        entities = [{"uid": {"type": "KMS::Account", "id": f"{each:012d}"}, "attrs": {}, "parents": []} for each in range(count)]
        told = EntityHandle.build(entities, small).outside_bytes
        assert within_two(told, grown(partial(entities_of, entities)))


@pytest.mark.parametrize("spec", ["RSA_2048", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_EDWARDS25519", "ML_DSA_65"])
def test_private_keys_of_the_library_take_what_is_told(spec: str) -> None:
    raw = key_pairs.new_private_key(spec)

    def parsed(_: int) -> Any:
        private = key_pairs.load(spec, raw)
        return private, private.public_key()

    public = key_pairs.public_bytes(parsed(0)[0])
    beside = 600  # what Python holds of one, which is walked and not counted by malloc
    assert within_two(key_pair_bytes(public), grown(parsed) + beside)

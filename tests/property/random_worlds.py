"""Random policy sets of every layer, keys, callers, grants and requests, all from one seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.property.naive_cedar import Uid
from tests.property.naive_evaluator import GROUPS_OF, Asked, NaivePolicy, Place, Scope, is_meant, policy_text, utc
from tests.property.random_conditions import ALIASES, GROUPS, REGIONS, STATES, TAG_VALUES, TAGS, condition

from meridian.domain.grant import Grant
from meridian.domain.key import PROSPECTIVE_KEY_ID, Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.principal import Principal

HERE = "us-east-1"
ACCOUNTS = ("111122223333", "444455556666", "777788889999")
"""Two with keys, and one whose callers have nothing but what others give them."""
UNITS = {ACCOUNTS[0]: ("payments", "everything"), ACCOUNTS[1]: ("everything",)}
REGION_LABELS = {"us-east-1": ("US",), "eu-west-1": ("EU", "sovereign")}
FAMILY = f"mrk-{'1' * 32}"
KEY_IDS = (FAMILY, "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222")
NEW = PROSPECTIVE_KEY_ID
ACTIONS = tuple(GROUPS_OF)
ON_PLACES = {"ListKeys": "", "CreateAlias": ALIASES[1]}
GROUP_NAMES = ("Use", "Encrypting", "Decrypting", "Read", "Grantable", "Any", "Grants", "Replicate")
GRANTED = tuple(name for name in ACTIONS if "Grantable" in GROUPS_OF[name])
CONTEXTS = {"Encrypt", "Decrypt", "GenerateDataKey", "ReEncryptTo", "ReEncryptFrom", "CreateGrant", "RetireGrant"}
"""Actions with an encryption context."""


FIT = [name for name in (*ACTIONS, *GROUP_NAMES) if name not in ("CreateKey", "ListKeys")]
"""Actions and groups that a key policy may name."""


@dataclass(frozen=True)
class RandomWorld:
    """One policy set with the keys, callers and grants that requests are drawn from."""

    policies: tuple[NaivePolicy, ...]
    keys: tuple[Key, ...]
    key_policies: dict[Key, tuple[NaivePolicy, ...]]
    callers: tuple[Principal, ...]
    grants: tuple[Grant, ...]


def random_world(draw: Random) -> RandomWorld:
    callers = tuple(_caller(draw, number) for number in range(8))
    bare = (_key(draw, account, key_id, version) for account in ACCOUNTS[:2] for key_id in KEY_IDS for version in (1, 2))
    key_policies = {}
    for key in bare:
        made = _key_policies(draw, key)
        key_policies[replace(key, policy="\n".join(policy_text(policy, annotated=False) for policy in made))] = made
    keys = tuple(key_policies)
    grants = tuple(_grant(draw, key, callers, number) for key in keys[::2] for number in range(draw.randint(0, 4)))
    policies = [_guardrail(draw, f"g{n}") for n in range(3)]
    policies += [_account_policy(draw, account, f"{account}.{n}") for account in ACCOUNTS[:2] for n in range(6)]
    policies += [_unit_policy(draw, f"unit{n}") for n in range(2)]
    policies += [_foreign(draw, account, f"{account}.abroad{n}") for account in ACCOUNTS[:2] for n in range(3)]
    return RandomWorld(tuple(policies), keys, key_policies, callers, grants)


# ---- callers, keys, grants


def _tags(draw: Random, most: int = 3) -> dict[str, str]:
    return {name: draw.choice(TAG_VALUES) for name in draw.sample(TAGS, draw.randint(0, most))}


def _caller(draw: Random, number: int) -> Principal:
    account, kind = draw.choice([*ACCOUNTS, ACCOUNTS[0]]), draw.choice(["User", "Role", "Service"])
    name = f"p{number % 5}"
    groups = tuple(draw.sample(GROUPS, draw.randint(0, 2)))
    return Principal(kind, account, name, f"arn:aws:iam::{account}:{kind.lower()}/{name}", groups, tuple(sorted(_tags(draw, 2).items())))


def _key(draw: Random, account: str, key_id: str, version: int) -> Key:
    primary = draw.choice(REGIONS)
    return Key(
        partition="aws",
        region=HERE,
        account=account,
        key_id=key_id,
        key_spec=KeySpec.SYMMETRIC_DEFAULT,
        key_usage=KeyUsage.ENCRYPT_DECRYPT,
        origin=Origin.AWS_KMS,
        state=KeyState(draw.choice(STATES)),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        version=version,
        multi_region=MultiRegionRole(primary, tuple(sorted({*draw.sample(REGIONS, 2)} - {primary}))) if key_id == FAMILY else None,
        account_delegation=draw.random() < 0.7,
        tags=tuple(sorted(_tags(draw, 2).items())),
        aliases=tuple(sorted(draw.sample(ALIASES, draw.randint(0, 2)))),
    )


def _grant(draw: Random, key: Key, callers: tuple[Principal, ...], number: int) -> Grant:
    def meant() -> str:
        caller = draw.choice(callers)
        return draw.choice([caller.arn, caller.arn, caller.account, f"arn:aws:iam::{caller.account}:root"])

    kind = draw.choice(["", "", "EncryptionContextEquals", "EncryptionContextSubset"])
    return Grant(
        grant_id=str(number) * 64,
        account=key.account,
        key_id=key.key_id,
        grantee_principal=meant(),
        issuing_account=key.account,
        operations=frozenset(draw.sample(GRANTED, draw.randint(3, 8))),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        retiring_principal=draw.choice(["", meant()]),
        constraint_type=kind,
        constraint={draw.choice(TAGS[:3]): draw.choice(TAG_VALUES[:2])} if kind else {},
    )


# ---- policies


def _action_scope(draw: Random) -> Scope:
    kind = "KMS::Action"
    form = draw.randrange(3)
    if form == 0:
        return Scope("==", names=(Uid(kind, draw.choice([name for name in ACTIONS if name != "ListKeys"])),))  # which has no keys
    if form == 1:
        return Scope("in", names=tuple(Uid(kind, name) for name in draw.sample((*GROUP_NAMES, *ACTIONS), 3)))
    return Scope("in", names=(Uid(kind, "Any"),)) if draw.random() < 0.5 else Scope()


def _principal_scope(draw: Random) -> Scope:
    group = Uid("KMS::Group", f"{draw.choice(ACCOUNTS)}/{draw.choice(GROUPS)}")
    kind = draw.choice(["KMS::User", "KMS::Role", "KMS::Service"])
    exact = Scope("==", names=(Uid(kind, f"{draw.choice(ACCOUNTS)}/p{draw.randrange(5)}"),))
    account = Scope("in", names=(Uid("KMS::Account", draw.choice(ACCOUNTS)),))
    of_group = [Scope("in", names=(group,)), Scope("is in", kind, (group,))]
    return draw.choice([Scope(), Scope(), Scope(), *of_group, Scope("is", kind), exact, account])


def _conditions(draw: Random, rarely: bool, unguarded: float = 0.0) -> tuple[tuple[str, Any], ...]:
    """Mostly one; a forbid that shall match rarely has more."""
    count = draw.choice([1, 2, 2] if rarely else [0, 0, 1, 1, 2])
    made = [(draw.choice(["when", "when", "unless"]), condition(draw, unguarded=unguarded)) for _ in range(count)]
    if not rarely:
        return tuple(made)
    return (*made, ("when", ("&&", condition(draw, unguarded=unguarded), condition(draw, unguarded=unguarded))))


def _guardrail(draw: Random, name: str) -> NaivePolicy:
    key_only = Scope("is", "KMS::Key") if draw.random() < 0.5 else Scope()
    return NaivePolicy(name, "guardrail", "forbid", _principal_scope(draw), _action_scope(draw), key_only, _conditions(draw, True))


def _account_policy(draw: Random, account: str, name: str) -> NaivePolicy:
    effect = draw.choice(["permit", "permit", "permit", "forbid"])
    own = Uid("KMS::Account", account)
    inside = [own, own, Uid("KMS::Scope", f"{account}/{HERE}"), Uid("KMS::AliasPath", f"{account}/{draw.choice(ALIASES)}")]
    exact = Scope("==", names=(Uid("KMS::Key", f"{account}/{HERE}/{draw.choice(KEY_IDS)}"),))
    scopes = [Scope("in", names=(place,)) for place in inside]
    resource = draw.choice([*scopes, Scope("in", names=(Uid("KMS::KeyFamily", f"{account}/{FAMILY}"),)), exact])
    resource = draw.choice([resource, Scope("is in", "KMS::Key", (own,))])
    conditions = _conditions(draw, effect == "forbid" and draw.random() < 0.7)
    return NaivePolicy(name, "account", effect, _principal_scope(draw), _action_scope(draw), resource, conditions, account)


def _unit_policy(draw: Random, name: str) -> NaivePolicy:
    effect = draw.choice(["permit", "forbid"])
    unit = Scope("in", names=(Uid("KMS::OrgUnit", draw.choice(["payments", "everything"])),))
    return NaivePolicy(name, "account", effect, _principal_scope(draw), _action_scope(draw), unit, _conditions(draw, True))


def _foreign(draw: Random, account: str, name: str) -> NaivePolicy:
    resource = draw.choice([Scope("is", "KMS::Key"), Scope(), Scope("in", names=(Uid("KMS::Account", draw.choice(ACCOUNTS)),))])
    parts = (draw.choice([Scope(), _principal_scope(draw)]), draw.choice([Scope(), _action_scope(draw)]), resource)
    return NaivePolicy(name, "account", "permit", *parts, _conditions(draw, False), account, True)


def _key_policies(draw: Random, key: Key) -> tuple[NaivePolicy, ...]:
    made = tuple(_key_policy(draw, key, number) for number in range(1, draw.choice([0, 1, 2, 4]) + 1))
    return made if draw.random() < 0.5 else (*made, _leaving(draw, key, len(made) + 1))


def _leaving(draw: Random, key: Key, number: int) -> NaivePolicy:
    """A policy that leaves some actions to the account."""
    principal = Scope("in", names=(Uid("KMS::Account", key.account),))
    action = Scope("in", names=tuple(Uid("KMS::Action", name) for name in draw.sample(FIT, 4)))
    return NaivePolicy(f"key/{key.key_id}/{number}", "key", "permit", principal, action, account=key.account, delegates=True)


def _key_policy(draw: Random, key: Key, number: int) -> NaivePolicy:
    effect = draw.choice(["permit", "permit", "permit", "forbid"])
    own = Scope("==", names=(Uid("KMS::Key", f"{key.account}/{key.region}/{key.key_id}"),))
    resource = draw.choice([Scope(), Scope("is", "KMS::Key"), own])
    action = draw.choice([Scope(), Scope("in", names=tuple(Uid("KMS::Action", name) for name in draw.sample(FIT, 3)))])
    conditions = _conditions(draw, effect == "forbid" and draw.random() < 0.3, unguarded=0.08)
    return NaivePolicy(f"key/{key.key_id}/{number}", "key", effect, _principal_scope(draw), action, resource, conditions, key.account)


# ---- requests


def random_request(draw: Random, world: RandomWorld) -> Asked:
    caller, action = draw.choice(world.callers), draw.choice(ACTIONS)
    resource = _resource(draw, world, caller, action)
    grants = tuple(g for g in world.grants if isinstance(resource, Key) and (g.account, g.key_id) == (resource.account, resource.key_id))
    if action == "RetireGrant" and grants:
        grants = (draw.choice(grants),)
    new = _grant(draw, resource, world.callers, 9) if action == "CreateGrant" and isinstance(resource, Key) else None
    context = _context(draw, action, caller, grants, new)
    return Asked(caller, action, resource, context, _request(draw), grants, new, UNITS, REGION_LABELS)


def _resource(draw: Random, world: RandomWorld, caller: Principal, action: str) -> Key | Place:
    if action in ON_PLACES:
        return Place(caller.account, HERE, ON_PLACES[action])
    if action == "CreateKey":
        # A key that is to be: its caller's account, no policy of its own, open to account policies.
        return replace(_key(draw, caller.account, NEW, 1), policy="", account_delegation=True)
    # Pairs of versions: the older one is asked again after the newer, as a change and its undoing would.
    mine = [key for key in world.keys if key.account == caller.account]
    return draw.choice(mine if mine and draw.random() < 0.5 else world.keys)


def _lowered(pairs: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in pairs.items()}


def _context(draw: Random, action: str, caller: Principal, grants: tuple[Grant, ...], new: Grant | None) -> dict[str, Any]:
    pairs, requested, region = _tags(draw), _tags(draw, 2), draw.choice(REGIONS)
    labels = frozenset(REGION_LABELS.get(region, ()))
    if action in ("RetireGrant", "CreateGrant"):
        ended = grants[0] if action == "RetireGrant" and grants else new
        pairs = dict(ended.constraint) if ended is not None else {}
    made: dict[str, Any] = {}
    if action in CONTEXTS:
        made |= {"encryptionContext": pairs, "encryptionContextAnyCase": _lowered(pairs), "encryptionContextKeys": frozenset(pairs)}
    if action in CONTEXTS - {"CreateGrant", "RetireGrant"}:
        made["encryptionAlgorithm"] = "SYMMETRIC_DEFAULT"
        made |= {"requestAlias": draw.choice(ALIASES)} if draw.random() < 0.5 else {}
    special: dict[str, dict[str, Any]] = {
        "ReEncryptTo": {"reEncryptOnSameKey": draw.random() < 0.5},
        "ReEncryptFrom": {"reEncryptOnSameKey": draw.random() < 0.5},
        "CreateKey": {
            "requestTags": requested,
            "requestTagsAnyCase": _lowered(requested),
            "tagKeys": frozenset(requested),
            "replication": draw.random() < 0.5,
            "bypassPolicyLockoutSafetyCheck": draw.random() < 0.5,
        },
        "TagResource": {"requestTags": requested, "requestTagsAnyCase": _lowered(requested), "tagKeys": frozenset(requested)},
        "PutKeyPolicy": {"bypassPolicyLockoutSafetyCheck": draw.random() < 0.5},
        "ReplicateKey": {"replicaRegion": region, "replicaRegionLabels": labels, "bypassPolicyLockoutSafetyCheck": draw.random() < 0.5},
        "UpdatePrimaryRegion": {"primaryRegion": region, "primaryRegionLabels": labels},
        "ScheduleKeyDeletion": {"scheduleKeyDeletionPendingWindowInDays": draw.choice([7, 29, 30])},
        "CreateAlias": {"aliasName": ALIASES[1]},
        "CreateGrant": {"grantOperations": new.operations if new else frozenset(), "grantIsForService": False},
        "RetireGrant": {
            "callerIsRetiringPrincipal": bool(grants) and is_meant(grants[0].retiring_principal, caller, grants[0].account),
            "callerIsGrantee": bool(grants) and is_meant(grants[0].grantee_principal, caller, grants[0].account),
        },
    }
    return made | special.get(action, {})


def _request(draw: Random) -> dict[str, Any]:
    made: dict[str, Any] = {
        "currentTime": utc(draw.choice(["2026-01-01T00:00:00.000Z", "2026-07-01T12:30:00.500Z"])),
        "sourceIp": draw.choice(["127.0.0.1", "10.1.2.3"]),
        "secureTransport": draw.random() < 0.9,
        "requestedRegion": HERE,
        "mfaPresent": draw.random() < 0.5,
        "dryRun": draw.random() < 0.2,
    }
    optional = {"mfaAgeSeconds": draw.choice([5, 19, 3600]), "sessionName": draw.choice("st"), "viaService": draw.choice("st")}
    return made | {name: value for name, value in optional.items() if draw.random() < 0.5}

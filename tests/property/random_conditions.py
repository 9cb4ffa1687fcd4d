"""Random conditions: what policies of this service ask, each behind the test that strict validation wants, and some without it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.property.naive_cedar import LONG_MAX, WILD, Expr

GROUPS = ("admins", "users", "auditors")
TAGS = ("tenant", "purpose", "object", "a b", "__entity", "", 'é"\\')
TAG_VALUES = ("a", "b", "", "invoice-1", "x*y", "e\u0301\U0001f511", f"in{'a' * 300}e-\n")
ALIASES = ("alias/prod", "alias/prod/pay", "alias/prod/pay/eu", "alias/test", "alias/production")
REGIONS = ("us-east-1", "eu-west-1", "ap-south-1")
LABELS = ("US", "EU", "sovereign")
STATES = ("Enabled", "Disabled", "PendingDeletion")
PATTERNS = (("in", WILD), (WILD,), ("x*", WILD), (WILD, "i", WILD, "e-", WILD), ("a",), (), ("e\u0301", WILD), (WILD, "\n"))

PRINCIPAL, RESOURCE, CONTEXT = ("var", "principal"), ("var", "resource"), ("var", "context")
REQUEST = (".", CONTEXT, "request")
FALSE, TRUE = ("lit", False), ("lit", True)

Atom = Callable[[Random], Expr]


def condition(draw: Random, *, unguarded: float = 0.0, depth: int = 2) -> Expr:
    """A random condition; that share of its parts may fail where an attribute or a tag is absent, or of another type."""
    if depth == 0 or draw.random() < 0.4:
        return draw.choice(UNGUARDED)(draw) if draw.random() < unguarded else draw.choice(GUARDED)(draw)
    parts = [condition(draw, unguarded=unguarded, depth=depth - 1) for _ in range(3)]
    kind = draw.choice(["!", "&&", "||", "if"])
    if kind == "!":
        return ("!", parts[0])
    return ("if", *parts) if kind == "if" else (kind, *parts[:2])


def _guarded(guard: Expr, body: Expr, draw: Random) -> Expr:
    form = draw.randrange(3)
    if form == 0:
        return ("if", guard, body, draw.choice([TRUE, FALSE]))
    return ("&&", guard, body)


def _of_key(make: Callable[[Random], Expr]) -> Atom:
    return lambda draw: _guarded(("is", RESOURCE, "KMS::Key"), make(draw), draw)


def _of_context(name: str, make: Callable[[Random, Expr], Expr]) -> Atom:
    return lambda draw: _guarded(("has", CONTEXT, name), make(draw, (".", CONTEXT, name)), draw)


def _of_request(name: str, make: Callable[[Random, Expr], Expr]) -> Atom:
    return lambda draw: _guarded(("has", REQUEST, name), make(draw, (".", REQUEST, name)), draw)


def _text(draw: Random, values: tuple[str, ...]) -> Expr:
    return ("lit", draw.choice(values))


def _texts(draw: Random, values: tuple[str, ...]) -> Expr:
    return ("set", *(("lit", value) for value in draw.sample(values, draw.randint(1, 2))))


def _tag(draw: Random, owner: Expr) -> Expr:
    """A question about one tag by a literal name, or by a name that the request brings."""
    name = _text(draw, TAGS) if draw.random() < 0.9 else draw.choice([(".", PRINCIPAL, "account"), (".", REQUEST, "requestedRegion")])
    if draw.random() < 0.1:
        owner = ("if", (".", REQUEST, "mfaPresent"), owner, owner)
    has = ("hasTag", owner, name)
    form = draw.randrange(12)
    if form < 3:
        return has
    if form == 3:
        return ("has", owner, name[1] if name[0] == "lit" else draw.choice(TAGS))  # an attribute, which no owner of tags has
    return _guarded(has, _of_text(draw, ("getTag", owner, name)), draw)


def _of_text(draw: Random, value: Expr) -> Expr:
    """A question about a text: literal ones, and some that use it otherwise."""
    text, texts = _text(draw, TAG_VALUES), _texts(draw, TAG_VALUES)
    named = ("record", draw.choice(["hasTag", "attr", "Value", "left"]), value)
    literal = [("==", value, text), ("==", text, value), ("!=", value, text), ("contains", texts, value)]
    like = ("like", value, draw.choice(PATTERNS))
    others = [("contains", ("set", value), text), ("==", (".", named, named[1]), text), ("==", named, ("record", named[1], text))]
    others += [("==", value, value), ("==", ("if", like, value, text), text), ("containsAny", ("set", value, text), texts)]
    return draw.choice([*literal, *literal, like, like, like, *others])


def _own_tag(draw: Random, owner: Expr) -> Expr:
    """The same tag on caller and request."""
    name = _text(draw, TAGS)
    both = ("&&", ("hasTag", owner, name), ("hasTag", PRINCIPAL, name))
    return ("&&", both, ("==", ("getTag", owner, name), ("getTag", PRINCIPAL, name)))


def _set_of(draw: Random, owner: Expr, values: tuple[str, ...]) -> Expr:
    method = draw.choice(["contains", "containsAll", "containsAny"])
    return (method, owner, _text(draw, values) if method == "contains" else _texts(draw, values))


def _optional(name: str, values: tuple[str, ...]) -> Atom:
    return _of_key(lambda draw: _guarded(("has", RESOURCE, name), ("==", (".", RESOURCE, name), _text(draw, values)), draw))


def _resource_in(draw: Random) -> Expr:
    account = draw.choice(["111122223333", "444455556666"])
    places = [("uid", "KMS::AliasPath", f"{account}/{draw.choice(ALIASES)}"), ("uid", "KMS::Account", account)]
    places += [("uid", "KMS::OrgUnit", "payments"), ("uid", "KMS::KeyFamily", f"{account}/mrk-{'1' * 32}")]
    return ("in", RESOURCE, draw.choice(places))


def _principal_in(draw: Random) -> Expr:
    account = draw.choice(["111122223333", "444455556666"])
    groups = [("uid", "KMS::Group", f"{account}/{group}") for group in draw.sample(GROUPS, 2)]
    return ("in", PRINCIPAL, draw.choice([groups[0], ("set", *groups), ("uid", "KMS::OrgUnit", "payments")]))


def _overflow(draw: Random, number: Expr) -> Expr:
    """Fits for small numbers and not for large ones, or never does."""
    by = draw.choice([LONG_MAX // 20, LONG_MAX // 5, 3])
    return ("<", draw.choice([("*", number, ("lit", by)), ("+", number, ("lit", LONG_MAX - 10))]), ("lit", LONG_MAX))


GUARDED: list[Atom] = [
    lambda draw: TRUE,
    _principal_in,
    _resource_in,
    lambda draw: ("is", PRINCIPAL, draw.choice(["KMS::User", "KMS::Role", "KMS::Service"])),
    lambda draw: ("==", (".", PRINCIPAL, "account"), _text(draw, ("111122223333", "444455556666"))),
    lambda draw: ("==", (".", PRINCIPAL, "account"), (".", RESOURCE, "account")),
    lambda draw: _tag(draw, PRINCIPAL),
    _of_key(lambda draw: _tag(draw, RESOURCE)),
    _of_key(lambda draw: _own_tag(draw, RESOURCE)),
    _of_key(lambda draw: ("==", (".", RESOURCE, "keyState"), _text(draw, STATES))),
    _of_key(lambda draw: (".", RESOURCE, draw.choice(["multiRegion", "accountDelegation"]))),
    _of_key(lambda draw: _set_of(draw, (".", RESOURCE, "resourceAliases"), ALIASES)),
    _of_key(lambda draw: _set_of(draw, (".", RESOURCE, "replicaRegions"), REGIONS)),
    _of_key(lambda draw: _set_of(draw, (".", RESOURCE, "regionLabels"), LABELS)),
    _optional("multiRegionKeyType", ("PRIMARY", "REPLICA")),
    _optional("primaryRegion", REGIONS),
    _of_context("encryptionContext", _tag),
    _of_context("encryptionContext", _tag),
    _of_context("encryptionContext", _own_tag),
    _of_context("encryptionContextKeys", lambda draw, of: _set_of(draw, of, TAGS)),
    _of_context("requestTags", _tag),
    _of_context("tagKeys", lambda draw, of: _set_of(draw, of, TAGS)),
    _of_context("reEncryptOnSameKey", lambda draw, of: of),
    _of_context("bypassPolicyLockoutSafetyCheck", lambda draw, of: of),
    _of_context("replicaRegion", lambda draw, of: ("like", of, draw.choice([("eu-", WILD), (WILD, "-1"), ("us-east-1",)]))),
    _of_context("replicaRegionLabels", lambda draw, of: _set_of(draw, of, LABELS)),
    _of_context("primaryRegion", lambda draw, of: ("!=", of, _text(draw, REGIONS))),
    _of_context("callerIsRetiringPrincipal", lambda draw, of: of),
    _of_context("callerIsGrantee", lambda draw, of: of),
    _of_context("requestAlias", lambda draw, of: ("like", of, draw.choice([("alias/prod", WILD), ("alias/test",)]))),
    _of_context("scheduleKeyDeletionPendingWindowInDays", lambda draw, of: ("<", of, ("lit", draw.choice([8, 30])))),
    _of_context("scheduleKeyDeletionPendingWindowInDays", _overflow),
    _of_request("mfaAgeSeconds", _overflow),
    _of_request("mfaAgeSeconds", lambda draw, of: ("<", of, ("lit", 60))),
    _of_request("sessionName", lambda draw, of: ("==", of, _text(draw, ("s", "t")))),
    _of_request("viaService", lambda draw, of: ("==", of, _text(draw, ("s", "t")))),
    lambda draw: (".", REQUEST, draw.choice(["mfaPresent", "dryRun", "secureTransport"])),
    lambda draw: _set_of(draw, (".", REQUEST, "grants"), ("0" * 64, "1" * 64)),
    lambda draw: ("isInRange", (".", REQUEST, "sourceIp"), draw.choice(["10.0.0.0/8", "127.0.0.0/8"])),
    lambda draw: ("<", (".", REQUEST, "currentTime"), ("time", "2026-06-01T00:00:00.000Z")),
]

UNGUARDED: list[Atom] = [
    lambda draw: ("==", (".", RESOURCE, "multiRegionKeyType"), ("lit", "PRIMARY")),
    lambda draw: ("==", (".", REQUEST, "sessionName"), ("lit", "s")),
    lambda draw: ("==", ("getTag", PRINCIPAL, ("lit", "tenant")), ("lit", "a")),
    lambda draw: ("==", ("getTag", (".", CONTEXT, "encryptionContext"), ("lit", "tenant")), ("lit", "a")),
    lambda draw: ("hasTag", (".", CONTEXT, "encryptionContext"), _text(draw, TAGS)),
    lambda draw: ("like", (".", REQUEST, "mfaPresent"), ("a", WILD)),
    lambda draw: ("==", (".", RESOURCE, "keyState"), ("lit", 1)),
    lambda draw: (".", PRINCIPAL, "account"),
    lambda draw: (".", CONTEXT, "nothing"),
]
"""What only a key policy can bring that was stored under another schema."""

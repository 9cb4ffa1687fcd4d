"""The tables of the principals file about tokens of identity providers: `[[issuers]]`, `[[token_rules]]` and `[[roles]]`.

Source: docs/identities.md.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from meridian.adapters.issuer_urls import require_issuer_url
from meridian.adapters.token_rules_form import DEPTH_MAX, GroupsTable, IssuerTable, RoleTable, RuleTable, Table
from meridian.crypto.signed_tokens import ALGORITHMS, KeySetFault, read_key_set
from meridian.domain.claim_patterns import ClaimPattern, NameTemplate, PatternFault
from meridian.domain.principal import Principal
from meridian.domain.token_rules import AssumableRole, ClaimTest, ClaimTests, GroupsClaim, TokenIssuer, TokenMapping, TokenRule
from meridian.domain.xks import RESERVED_NAMES
from meridian.engine.secret_files import FileFault, read_secret, read_trusted
from meridian.ports.key_sets import KeySetSource
from meridian.ports.token_reviews import ReviewSource

ISSUERS_MAX: Final = 32
RULES_MAX: Final = 1000
ROLES_MAX: Final = 1000
TESTS_MAX: Final = 16
"""Claims that a rule asks for."""
KEY_SET_BYTES_MAX: Final = 256 * 1024
FAULTS_MAX: Final = 16
"""Of one table, told."""
ARN_WORDS: Final = {"User": "user", "Role": "role", "Service": "service"}


class _Fault(ValueError):
    """An entry is wrong; the message fits behind its number."""


@dataclass(frozen=True, slots=True)
class TokenTables:
    """What the tables of one state of the file say."""

    mapping: TokenMapping
    sources: tuple[KeySetSource, ...]
    reviews: tuple[ReviewSource, ...]
    files: tuple[Path, ...]
    """What was read besides."""
    digest: bytes
    """Of those."""


TABLES: Final = ("issuers", "token_rules", "roles")
Read = TypeVar("Read")
M = TypeVar("M", bound=Table)


class TokenTablesReader:
    """Reads the tables of one file; `faults` has every fault of it."""

    def __init__(self, folder: Path, *, partition: str, org_units: Mapping[str, tuple[str, ...]]) -> None:
        """`folder`: where relative names of files begin."""
        self._folder = folder
        self._partition = partition
        self._org_units = org_units
        self._files: dict[Path, bytes] = {}
        self.faults: list[str] = []

    def read(self, document: Mapping[str, Any]) -> TokenTables:
        """What the document says; to be used where there is no fault alone."""
        found = self._each(document, "issuers", IssuerTable, ISSUERS_MAX, self._issuer)
        issuers = {issuer.issuer: issuer for issuer, _, _ in found}
        if len(issuers) != len(found):
            self.faults.append("issuers: an issuer is given twice")
        rules = self._each(document, "token_rules", RuleTable, RULES_MAX, lambda entry: self._rule(entry, issuers))
        roles = self._each(document, "roles", RoleTable, ROLES_MAX, lambda entry: self._role(entry, issuers))
        by_arn = {role.principal.arn: role for role in roles}
        if len(by_arn) != len(roles):
            self.faults.append("roles: a role is given twice")
        digest = sha256(b"".join(sha256(data).digest() for _, data in sorted(self._files.items()))).digest() if self._files else b""
        reviews = tuple(review for _, _, review in found if review is not None)
        return TokenTables(
            TokenMapping(issuers, tuple(rules), by_arn), tuple(source for _, source, _ in found), reviews, tuple(self._files), digest
        )

    def _each(self, document: Mapping[str, Any], table: str, kind: type[M], most: int, make: Callable[[M], Read]) -> list[Read]:
        entries = document.get(table, [])
        if not isinstance(entries, list) or len(entries) > most:
            self.faults.append(f"{table} must be tables, at most {most}")
            return []
        made = []
        for number, entry in enumerate(entries, 1):
            try:
                made.append(make(kind.model_validate(entry)))
            except ValidationError as fault:
                self.faults += [f"{table} {number}: {line}" for line in _lines(fault)]
            except (_Fault, FileFault) as fault:
                self.faults.append(f"{table} {number}: {fault}")
        return made

    def _issuer(self, entry: IssuerTable) -> tuple[TokenIssuer, KeySetSource, ReviewSource | None]:
        unknown = sorted(set(entry.algorithms) - set(ALGORITHMS))
        if unknown:
            raise _Fault(f"algorithms: {unknown[0]} is none of {', '.join(ALGORITHMS)}")
        if not entry.issuer.isprintable() or " " in entry.issuer:
            raise _Fault("issuer: must be a text without spaces")  # records and other Regions have it before a space and the subject
        if entry.key_set_file and (entry.key_set_url or (not entry.review_url and (entry.ca_file or entry.bearer_token_file))):
            raise _Fault("key_set_file: nothing is fetched, so give no key_set_url, ca_file or bearer_token_file")
        if entry.review_url:
            _named("review_url", partial(require_issuer_url, entry.review_url))
        if not entry.key_set_file:
            for name, url in (("key_set_url", entry.key_set_url),) if entry.key_set_url else (("issuer", entry.issuer),):
                _named(name, partial(require_issuer_url, url))
        source = KeySetSource(
            issuer=entry.issuer,
            url=entry.key_set_url,
            authorities=_named("ca_file", lambda: self._authorities(entry.ca_file)),
            bearer_token=_named("bearer_token_file", lambda: self._secret(entry.bearer_token_file)),
            keys=_named("key_set_file", lambda: read_key_set(self._bytes(entry.key_set_file))) if entry.key_set_file else None,
        )
        audiences, algorithms = frozenset(entry.audiences), tuple(entry.algorithms)
        issuer = TokenIssuer(
            entry.issuer, audiences, algorithms, entry.life_seconds_max, entry.pod_bound, is_reviewed=bool(entry.review_url)
        )
        return issuer, source, _review_of(entry, source)

    def _rule(self, entry: RuleTable, issuers: Mapping[str, TokenIssuer]) -> TokenRule:
        claims = _claims(entry.issuer, entry.claims, issuers)
        words = [word for test in claims.tests if isinstance(test.expected, ClaimPattern) for word in test.expected.words]
        if len(set(words)) != len(words):
            raise _Fault("claims: a word is given twice")
        name = _named("name", lambda: NameTemplate(entry.name, words))
        if entry.kind == "Service" and name.beginning.startswith(RESERVED_NAMES):
            raise _Fault("name: is one of an export to another KMS, which no other principal has")
        prefix = f"arn:{self._partition}:iam::{entry.account}:{ARN_WORDS[entry.kind]}/"
        return TokenRule(
            claims=claims,
            base=self._principal(entry.kind, entry.account, entry.groups, {}),
            name=name,
            arn_prefix=prefix,
            tags=tuple((key, _named(f"tags.{key}", partial(NameTemplate, text, words))) for key, text in entry.tags.items()),
            groups=_named("groups_from", lambda: _groups(entry.groups_from)),
        )

    def _role(self, entry: RoleTable, issuers: Mapping[str, TokenIssuer]) -> AssumableRole:
        bare = self._principal("Role", entry.account, entry.groups, entry.tags)
        arn = f"arn:{self._partition}:iam::{entry.account}:role/{entry.name}"
        principal = Principal(
            kind=bare.kind,
            account=bare.account,
            name=entry.name,
            arn=arn,
            groups=bare.groups,
            tags=bare.tags,
            org_units=bare.org_units,
        )
        trusted = tuple(_claims(each.issuer, each.claims, issuers) for each in entry.trusted)
        return AssumableRole(principal, entry.session_seconds_max, trusted)

    def _principal(self, kind: str, account: str, groups: list[str], tags: Mapping[str, str]) -> Principal:
        """What all that are made of an entry have in common."""
        units = self._org_units.get(account, ())
        return Principal(kind, account, "", "", groups=tuple(groups), tags=tuple(sorted(tags.items())), org_units=units)

    # ---- files

    def _bytes(self, name: str) -> bytes:
        data = self._kept(name, read_trusted)
        if len(data) > KEY_SET_BYTES_MAX:
            raise _Fault(f"is longer than {KEY_SET_BYTES_MAX:,} bytes")
        return data

    def _authorities(self, name: str) -> str:
        if not name:
            return ""
        data = self._kept(name, read_trusted)
        try:
            text = data.decode("ascii")
            ssl.create_default_context(cadata=text)
        except (UnicodeDecodeError, ssl.SSLError, ValueError) as fault:
            raise _Fault("holds no PEM certificates") from fault
        return text

    def _secret(self, name: str) -> str:
        if not name:
            return ""
        try:
            text = self._kept(name, read_secret).decode("ascii").strip()
        except UnicodeDecodeError as fault:
            raise _Fault("is no token") from fault
        if not text or not text.isprintable():
            raise _Fault("is no token")
        return text

    def _kept(self, name: str, read: Callable[[Path], bytes]) -> bytes:
        path = self._folder / name
        self._files[path] = b""  # looked at from now on, also where it cannot be read yet
        data = self._files[path] = read(path)
        return data


def _review_of(entry: IssuerTable, source: KeySetSource) -> ReviewSource | None:
    if not entry.review_url:
        return None
    audiences = tuple(sorted(entry.audiences))
    return ReviewSource(entry.issuer, entry.review_url, source.authorities, source.bearer_token, audiences, entry.review_seconds)


def _named(name: str, read: Callable[[], Read]) -> Read:
    """What `read` answers. Raises: _Fault that begins with the name of the field."""
    try:
        return read()
    except (_Fault, FileFault, KeySetFault, PatternFault, ValueError) as fault:
        raise _Fault(f"{name}: {fault}") from fault


def _claims(issuer: str, claims: Mapping[str, Any], issuers: Mapping[str, TokenIssuer]) -> ClaimTests:
    if issuer not in issuers:
        raise _Fault(f"issuer: {issuer} is none of the issuers")
    tests = _tests((), claims)
    if len(tests) > TESTS_MAX:
        raise _Fault(f"claims: more than {TESTS_MAX}")
    return ClaimTests(issuer, tuple(tests))


def _tests(path: tuple[str, ...], claims: Mapping[str, Any]) -> list[ClaimTest]:
    if len(path) >= DEPTH_MAX:
        raise _Fault(f"claims: nested more than {DEPTH_MAX} deep")
    found: list[ClaimTest] = []
    for name, value in claims.items():
        place = (*path, name)
        if isinstance(value, dict) and value:
            found += _tests(place, value)
        elif isinstance(value, bool | int):
            found.append(ClaimTest(place, value))
        elif isinstance(value, str):
            found.append(ClaimTest(place, _named(f"claims.{'.'.join(place)}", partial(ClaimPattern, value))))
        else:
            raise _Fault(f"claims.{'.'.join(place)}: must be a text, a whole number, true or false, or a table of these")
    return found


def _groups(said: GroupsTable | None) -> GroupsClaim | None:
    if said is None:
        return None
    pattern = ClaimPattern(said.pattern)
    if len(pattern.words) != 1:
        raise PatternFault("pattern: must have one word, which becomes the name of the group")
    return GroupsClaim((said.claim,) if isinstance(said.claim, str) else tuple(said.claim), pattern)


def _lines(fault: ValidationError) -> list[str]:
    """A line for each fault of an entry, without its values."""
    shown = [(".".join(map(str, each["loc"])), each["msg"]) for each in fault.errors(include_input=False, include_url=False)]
    return [f"{place}: {text}" if place else text for place, text in shown[:FAULTS_MAX]]

"""The Region's policies from files: guardrail, account and built-in layers. Refused as a whole on any fault.

Rules beyond validity: every policy has a unique @id, a known @layer and a @reason; guardrails only forbid; account policies stay
inside their account; account permits yield where a key does not delegate to its account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

from meridian.authorization.language.balance import balanced
from meridian.authorization.language.evaluator import Est, PolicySyntaxError, SchemaHandle, parse_policies, policies_of, validation_faults
from meridian.authorization.language.group_form import group_faults
from meridian.authorization.language.policies import ACCOUNT, BUILTIN, GUARDRAIL, KEY, Policy, depth, uid
from meridian.authorization.language.policy_bounds import ENGINE_DEPTH_MAX, EXPRESSION_DEPTH_MAX
from meridian.authorization.language.policy_text import PolicyText, policy_texts
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.fault_words import place_of, placed_faults
from meridian.domain.identifiers import ACCOUNT as ACCOUNT_ID
from meridian.domain.policy_decision import OF_A_KEY
from meridian.regular_file import read_regular

T = TypeVar("T")

OWNED: Final = ("KMS::Account", "KMS::Scope", "KMS::KeyFamily", "KMS::AliasPath", "KMS::Key", "KMS::Alias", "KMS::KeyStore")

IN_FILES: Final = (GUARDRAIL, ACCOUNT, BUILTIN)
"""Layers that files may have."""

NOT_DELEGATED: Final[Est] = {
    "kind": "unless",
    "body": {
        "&&": {
            "left": {"is": {"left": {"Var": "resource"}, "entity_type": "KMS::Key"}},
            "right": {"!": {"arg": {".": {"left": {"Var": "resource"}, "attr": "accountDelegation"}}}},
        }
    },
}
"""The clause that makes account permits count only for keys that delegate to their account."""


FILE_BYTES_MAX: Final = 1024 * 1024
"""Of one file: some thousand policies, which are checked within seconds."""
SET_CHARACTERS_MAX: Final = 16 * 1024 * 1024
"""Of all files of a set."""
AT_ONCE: Final = 5
"""Policies that are read in one go."""

Breathe = Callable[[], None]
"""Called again and again while a set is understood, so that other threads come to their turn: what reads policies holds the interpreter."""


def no_breath() -> None:
    """For those whom nobody waits for."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: place, @id and why; and the account whose policy it is, empty where it is nobody's alone."""

    text: str
    account: str = ""


class PolicySetError(Exception):
    """The policies cannot be used; `found` and `faults`, their texts, list everything that is wrong."""

    def __init__(self, found: Sequence[Fault]) -> None:
        self.found = tuple(found)
        self.faults = [fault.text for fault in found]
        super().__init__("; ".join(self.faults))


class UnreadablePoliciesError(PolicySetError):
    """The files cannot be read as text: what they say was not judged."""


@dataclass(frozen=True, slots=True)
class PolicySource:
    """The live policies and the digest of their text."""

    policies: tuple[Policy, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class PolicyTexts:
    """What the files say, not yet understood."""

    texts: tuple[tuple[str, str], ...]
    """Names and texts of the files, by name."""
    digest: str


def load_policies(directory: Path, schema: SchemaHandle) -> PolicySource:
    """Every *.cedar file of a directory. Raises: PolicySetError, OSError."""
    return understand(read_texts(directory), schema)


def read_texts(directory: Path) -> PolicyTexts:
    """The texts of every *.cedar file.

    Raises: UnreadablePoliciesError where there is none, one is no UTF-8, or they are too long; OSError.
    """
    if not directory.is_dir():
        raise UnreadablePoliciesError([Fault(f"{directory}: no such folder")])
    texts, length = [], 0
    for path in sorted(directory.glob("*.cedar")):
        text = _text_of(path)
        length += len(text)
        if length > SET_CHARACTERS_MAX:
            raise UnreadablePoliciesError([Fault(f"{directory}: the policies have more than {SET_CHARACTERS_MAX:,} characters")])
        texts.append((path.name, text))
    if not texts:
        raise UnreadablePoliciesError([Fault(f"{directory}: no policy files")])
    digest = sha256()
    for name, text in texts:
        digest.update(name.encode() + b"\x00" + text.encode() + b"\x00")
    return PolicyTexts(tuple(texts), digest.hexdigest())


def _text_of(path: Path) -> str:
    try:
        return read_regular(path, FILE_BYTES_MAX).decode()
    except UnicodeDecodeError as fault:
        raise UnreadablePoliciesError([Fault(f"{path.name}: is no UTF-8 text (byte {fault.start + 1})")]) from fault


def understand(read: PolicyTexts, schema: SchemaHandle, breathe: Breathe = no_breath) -> PolicySource:
    """The policies of these texts. Raises: PolicySetError."""
    faults: list[Fault] = []
    policies: list[Policy] = []
    for name, text in read.texts:
        policies += _load(name, text, schema, faults, breathe)
    seen: set[str] = set()
    for policy in policies:
        if policy.policy_id in seen:
            faults.append(Fault(f"{policy.place}: {policy.policy_id}: @id is given to two policies", policy.account))
        seen.add(policy.policy_id)
    if faults:
        raise PolicySetError(faults)
    return PolicySource(tuple(policies), read.digest)


def _load(name: str, text: str, schema: SchemaHandle, faults: list[Fault], breathe: Breathe) -> list[Policy]:
    texts = tuple(_breathing(policy_texts(text), breathe))
    try:
        parsed = _parsed(texts, breathe)
    except PolicySyntaxError as fault:
        faults.append(Fault(f"{name}:{fault}"))
        return []
    places = [f"{name}:{written.line}" for written in texts]
    labels = [
        f"{place}: {est.get('annotations', {}).get('id', f'policy {number}')}"
        for number, (place, est) in enumerate(zip(places, parsed, strict=True), 1)
    ]
    faults += _invalid(name, texts, parsed, validation_faults(text, schema), schema)
    made = []
    for place, label, est, written in _breathing(zip(places, labels, parsed, texts, strict=True), breathe):
        found = _faults_of(est)
        faults += [Fault(f"{label}: {fault}", _owner_of(est)) for fault in found]
        if not found:
            made.append(_policy(balanced(est), place, written.text))
    return made


def understood(text: str, as_json: str) -> tuple[Policy, ...]:
    """The policies of a text that was found to be right, of Cedar's JSON form of it. Raises: ValueError where the two do not fit."""
    found = zip(policy_texts(text), policies_of(as_json) if as_json else [], strict=True)
    return tuple(_policy(balanced(est), f"edited:{written.line}", written.text) for written, est in found)


def _invalid(
    name: str, texts: Sequence[PolicyText], parsed: Sequence[Est], errors: Sequence[tuple[int, str]], schema: SchemaHandle
) -> Iterator[Fault]:
    """What strict validation finds, where it stands."""
    if not errors:
        return
    model = SchemaModel(schema.text)
    for number in dict.fromkeys(number for number, _ in errors):
        of_policy = [error for at, error in errors if at == number]
        if number >= len(parsed):
            yield from (Fault(f"{name}: {error}") for error in of_policy)
            continue
        label = parsed[number].get("annotations", {}).get("id", f"policy {number + 1}")
        for found in placed_faults(texts[number], of_policy, model):
            yield Fault(f"{name}:{found.place}: {label}: {found.text}", _owner_of(parsed[number]))


def _breathing(items: Iterable[T], breathe: Breathe) -> Iterator[T]:
    """These, with a breath now and then."""
    for number, item in enumerate(items, 1):
        yield item
        if number % (10 * AT_ONCE) == 0:
            breathe()


def _parsed(texts: tuple[PolicyText, ...], breathe: Breathe) -> list[Est]:
    """The policies of a text, read some at a time: the reader holds the interpreter, and calls are being served meanwhile.

    Raises: PolicySyntaxError, which begins with the line of the policy that cannot be read.
    """
    parsed: list[Est] = []
    try:
        for at in range(0, len(texts), AT_ONCE):
            parsed += parse_policies("\n".join(each.text for each in texts[at : at + AT_ONCE]))
            breathe()
    except PolicySyntaxError as fault:
        raise PolicySyntaxError(_placed(texts, fault)) from fault
    return parsed


def _placed(texts: tuple[PolicyText, ...], fault: PolicySyntaxError) -> str:
    """The fault with the line on which the first policy begins that cannot be read by itself."""
    for each in texts:
        try:
            parse_policies(each.text)
        except PolicySyntaxError as own:
            return f"{place_of(each, str(own))}: {own}"
    return f" {fault}"


def _faults_of(est: Est) -> list[str]:
    notes: dict[str, Any] = est.get("annotations", {})
    found = [f"@{name} is missing" for name in ("id", "layer", "reason") if not notes.get(name)]
    if depth(est["conditions"]) > EXPRESSION_DEPTH_MAX or depth(balanced(est)["conditions"]) > ENGINE_DEPTH_MAX:
        found.append("nests too deeply")
    if (notes.get("id") or "").startswith(OF_A_KEY):
        found.append(f"@id must not begin with {OF_A_KEY}: the policies of keys do")
    layer = notes.get("layer")
    if layer == GUARDRAIL and est["effect"] != "forbid":
        found.append("a guardrail may only forbid")
    elif layer == ACCOUNT:
        found += _account_faults(est, notes)
    elif layer == KEY:
        found.append("key policies are stored with their key, not in files")
    elif layer not in (GUARDRAIL, BUILTIN):
        meant = get_close_matches(str(layer), IN_FILES, 1)
        found.append(f"@layer {layer!r} is unknown: {', '.join(IN_FILES)}{f'; did you mean {meant[0]}?' if meant else ''}")
    return found + group_faults(est, _owner_of(est))


def _account_faults(est: Est, notes: dict[str, Any]) -> list[str]:
    account = _account_of(est)
    declared = notes.get("account", "")
    if "foreign" in notes:
        return [] if ACCOUNT_ID.fullmatch(declared) and est["effect"] == "permit" else ["@foreign needs a permit and @account"]
    if account is None and _scope_type(est) == "KMS::OrgUnit":
        return []
    if account is None:
        return ['an account policy must name resources of its account: `resource in KMS::Account::"…"` or something inside it']
    return [] if not declared or declared == account else ["@account differs from the account of the resource scope"]


def _scope_type(est: Est) -> str:
    scope = est["resource"]
    entity = scope.get("entity") or scope.get("in", {}).get("entity")
    return uid(entity)[0] if entity else ""


def _account_of(est: Est) -> str | None:
    scope = est["resource"]
    entity = scope.get("entity") or scope.get("in", {}).get("entity")
    if not entity:
        return None
    kind, name = uid(entity)
    account = name.split("/", 1)[0]
    return account if kind in OWNED and ACCOUNT_ID.fullmatch(account) else None


def _owner_of(est: Est) -> str:
    """The account that a policy speaks for, as far as a faulty one says it."""
    return str(est.get("annotations", {}).get("account") or _account_of(est) or "")


def _policy(est: Est, place: str, text: str) -> Policy:
    notes = est["annotations"]
    layer = notes["layer"]
    made = Policy(notes["id"], layer, est, reason=notes["reason"], place=place, text=text)
    if layer != ACCOUNT:
        return made
    foreign = "foreign" in notes
    own = replace(made, account=notes.get("account", "") or _account_of(est) or "", foreign=foreign)
    if not own.is_permit or foreign:
        return own
    # First, so that a permit that does not count cannot fail either, and deny by its fault what the key's own policy allows.
    return replace(own, est={**est, "conditions": [NOT_DELEGATED, *est["conditions"]]}, where_delegated=own)

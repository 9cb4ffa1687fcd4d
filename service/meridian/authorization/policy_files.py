"""The Region's policies from files: guardrail, account and built-in layers. Refused as a whole on any fault.

Rules beyond validity: every policy has a unique @id, a known @layer and a @reason; guardrails only forbid; account policies stay
inside their account; account permits yield where a key does not delegate to its account.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from meridian.authorization.evaluator import Est, PolicySyntaxError, SchemaHandle, parse_policies, validation_faults
from meridian.authorization.policies import ACCOUNT, BUILTIN, GUARDRAIL, KEY, Policy, depth, uid
from meridian.authorization.policy_bounds import EXPRESSION_DEPTH_MAX
from meridian.authorization.policy_text import PolicyText, policy_texts
from meridian.domain.identifiers import ACCOUNT as ACCOUNT_ID

OWNED: Final = ("KMS::Account", "KMS::Scope", "KMS::KeyFamily", "KMS::AliasPath", "KMS::Key", "KMS::Alias", "KMS::KeyStore")

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


AT_ONCE: Final = 20
"""Policies that are read in one go."""


class PolicySetError(Exception):
    """The policies cannot be used; `faults` lists everything that is wrong."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class PolicySource:
    """The live policies and the digest of their text."""

    policies: tuple[Policy, ...]
    digest: str


def load_policies(directory: Path, schema: SchemaHandle) -> PolicySource:
    """Every *.cedar file of a directory. Raises: PolicySetError."""
    files = sorted(directory.glob("*.cedar"))
    if not files:
        raise PolicySetError([f"{directory}: no policy files"])
    faults: list[str] = []
    policies: list[Policy] = []
    digest = sha256()
    for path in files:
        text = path.read_text()
        digest.update(path.name.encode() + b"\x00" + text.encode() + b"\x00")
        policies += _load(path.name, text, schema, faults)
    seen: set[str] = set()
    for policy in policies:
        if policy.policy_id in seen:
            faults.append(f"{policy.place}: {policy.policy_id}: @id is given to two policies")
        seen.add(policy.policy_id)
    if faults:
        raise PolicySetError(faults)
    return PolicySource(tuple(policies), digest.hexdigest())


def _load(name: str, text: str, schema: SchemaHandle, faults: list[str]) -> list[Policy]:
    texts = policy_texts(text)
    try:
        parsed = _parsed(text, texts)
    except PolicySyntaxError as fault:
        faults.append(f"{name}: {fault}")
        return []
    places = [f"{name}:{written.line}" for written in texts]
    labels = [
        f"{place}: {est.get('annotations', {}).get('id', f'policy {number}')}"
        for number, (place, est) in enumerate(zip(places, parsed, strict=True), 1)
    ]
    for number, text_fault in validation_faults(text, schema):
        faults.append(f"{labels[number] if number < len(labels) else name}: {text_fault}")
    made = []
    for place, label, est in zip(places, labels, parsed, strict=True):
        found = _faults_of(est)
        faults += [f"{label}: {fault}" for fault in found]
        if not found:
            made.append(replace(_policy(est), place=place))
    return made


def _parsed(text: str, texts: tuple[PolicyText, ...]) -> list[Est]:
    """The policies of a text, read some at a time: the reader holds the interpreter, and calls are being served meanwhile.

    Raises: PolicySyntaxError, with places in the whole text.
    """
    try:
        parts = [parse_policies("\n".join(each.text for each in texts[at : at + AT_ONCE])) for at in range(0, len(texts), AT_ONCE)]
    except PolicySyntaxError:
        parse_policies(text)
        raise
    return [est for part in parts for est in part]


def _faults_of(est: Est) -> list[str]:
    notes: dict[str, Any] = est.get("annotations", {})
    found = [f"@{name} is missing" for name in ("id", "layer", "reason") if not notes.get(name)]
    if depth(est["conditions"]) > EXPRESSION_DEPTH_MAX:
        found.append("nests too deeply")
    layer = notes.get("layer")
    if layer == GUARDRAIL and est["effect"] != "forbid":
        found.append("a guardrail may only forbid")
    elif layer == ACCOUNT:
        found += _account_faults(est, notes)
    elif layer == KEY:
        found.append("key policies are stored with their key, not in files")
    elif layer not in (GUARDRAIL, BUILTIN):
        found.append(f"@layer {layer!r} is unknown")
    return found


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


def _policy(est: Est) -> Policy:
    notes = est["annotations"]
    layer = notes["layer"]
    made = Policy(notes["id"], layer, est, reason=notes["reason"])
    if layer != ACCOUNT:
        return made
    foreign = "foreign" in notes
    account = notes.get("account", "") or _account_of(est) or ""
    if made.is_permit and not foreign:
        # First, so that a permit that does not count cannot fail either, and deny by its fault what the key's own policy allows.
        est = {**est, "conditions": [NOT_DELEGATED, *est["conditions"]]}
    return replace(made, est=est, account=account, foreign=foreign)

"""Policy tests: YAML files of named cases, decided by the evaluator that serves calls.

A file fixes `now` and `region`, names principals, keys and contexts once, and lists cases. Lists of principals, actions or keys
multiply. `expect` is allow or deny; `by` names the policies that must be the reason, all of them and no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

from meridian.authorization.authorizer import Authorizer
from meridian.authorization.entities import Resource, ScopeResource, Surroundings
from meridian.authorization.evaluator import SchemaHandle
from meridian.authorization.facts import PlainFacts, cedar_time
from meridian.authorization.policy_files import load_policies
from meridian.domain.call import Principal
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, MultiRegionRole, Origin
from meridian.domain.limits import Limits

KINDS: Final = {"User": "user", "Role": "role", "Service": "service"}

CONTEXT_DEFAULTS: Final[dict[str, Any]] = {
    "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
    "encryptionContext": {},
    "reEncryptOnSameKey": False,
    "bypassPolicyLockoutSafetyCheck": False,
    "requestTags": {},
    "replication": False,
    "replicaRegionLabels": [],
    "primaryRegionLabels": [],
    "messageType": "RAW",
    "expirationModel": "KEY_MATERIAL_EXPIRES",
    "scheduleKeyDeletionPendingWindowInDays": 30,
    "rotationPeriodInDays": 365,
    "grantIsForService": False,
    "callerIsRetiringPrincipal": False,
    "callerIsGrantee": False,
    "grantOperations": [],
}
"""What the service fills in where a request is silent."""

DERIVED: Final = {"encryptionContextKeys": "encryptionContext", "tagKeys": "requestTags"}


class PolicyTestError(Exception):
    """A test file cannot be read."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One decided cell."""

    file: str
    name: str
    cell: str
    passed: bool
    expected: str
    got: str
    errors: int


def run_policy_tests(policies: Path, schema_text: str, tests: Path) -> list[CaseResult]:
    """Decide every case of every *.yaml file. Raises: PolicySetError, PolicyTestError."""
    files = sorted(tests.glob("*.yaml")) if tests.is_dir() else [tests]
    if not files:
        raise PolicyTestError(f"{tests}: no test files")
    return [result for path in files for result in _run_file(path, policies, schema_text)]


def _run_file(path: Path, policies: Path, schema_text: str) -> Iterator[CaseResult]:
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as fault:
        raise PolicyTestError(f"{path}: {fault}") from fault
    folder = path.parent / document["policies"] if "policies" in document else policies
    around = Surroundings(
        org_units={account: tuple(units) for account, units in document.get("orgUnits", {}).items()},
        region_labels={region: tuple(labels) for region, labels in document.get("regionLabels", {}).items()},
    )
    source = load_policies(folder, SchemaHandle(schema_text))
    suite = _Suite(path.name, document, around, Authorizer(schema_text=schema_text, source=source, around=around, limits=Limits()))
    for case in document["tests"]:
        try:
            yield from suite.run(case)
        except (KeyError, ValueError, TypeError) as fault:
            raise PolicyTestError(f"{path}: {case.get('name', 'a case without a name')}: {fault!r}") from fault


class _Suite:
    def __init__(self, file: str, document: Mapping[str, Any], around: Surroundings, authorizer: Authorizer) -> None:
        self._file = file
        self._region = document.get("region", "us-east-1")
        self._around = around
        self._authorizer = authorizer
        self._now = document.get("now", "2026-01-01T00:00:00Z")
        self._principals = {name: self._principal(name, row) for name, row in document.get("principals", {}).items()}
        # Keys may share an id; distinct versions keep their decisions apart, as versions of one key do.
        rows = document.get("keys", {}).items()
        self._keys = {name: self._key(row, version) for version, (name, row) in enumerate(rows, 1)}
        self._contexts: Mapping[str, Any] = document.get("contexts", {})

    def run(self, case: Mapping[str, Any]) -> Iterator[CaseResult]:
        principals, actions = _many(case, "principal"), _many(case, "action")
        keys = _many(case, "key") if "key" in case or "keys" in case else ["scope"]
        for principal, action, key in product(principals, actions, keys):
            decided = self._authorizer.decide(
                self._principals[principal],
                action,
                self._resource(key, self._principals[principal]),
                self._facts(action, case),
            )
            got, by = ("allow" if decided.allowed else "deny"), list(decided.policy_ids)
            wanted = sorted(case["by"]) if "by" in case else by
            yield CaseResult(
                file=self._file,
                name=case["name"],
                cell=f"{principal} {action} {key}",
                passed=got == case["expect"] and by == wanted and decided.errors == 0,
                expected=f"{case['expect']} by {wanted}" if "by" in case else case["expect"],
                got=f"{got} by {by}",
                errors=decided.errors,
            )

    def _resource(self, name: str, principal: Principal) -> Resource:
        return ScopeResource(principal.account, self._region) if name == "scope" else self._keys[name]

    def _facts(self, action: str, case: Mapping[str, Any]) -> PlainFacts:
        given = {**self._contexts.get(case.get("use", ""), {}), **case.get("context", {})}
        values = {**CONTEXT_DEFAULTS, **given}
        for name, source in DERIVED.items():
            values.setdefault(name, sorted(values[source]))
        declared = {name.rstrip("?") for name in self._authorizer.model.context_attributes(action)}
        if "replicaRegion" in values:
            values.setdefault("replicaRegionLabels", ())
            values["replicaRegionLabels"] = sorted(self._around.region_labels.get(values["replicaRegion"], ()))
        if "primaryRegion" in values:
            values["primaryRegionLabels"] = sorted(self._around.region_labels.get(values["primaryRegion"], ()))
        request = {
            "currentTime": cedar_time(datetime.fromisoformat(str(self._now)).astimezone(UTC)),
            "sourceIp": "127.0.0.1",
            "secureTransport": True,
            "requestedRegion": self._region,
            "mfaPresent": False,
            "dryRun": False,
            "grants": [],
            **case.get("request", {}),
        }
        return PlainFacts({name: value for name, value in values.items() if name in declared}, request)

    def _principal(self, name: str, row: Mapping[str, Any]) -> Principal:
        account, kind = str(row.get("account", "111122223333")), row.get("kind", "User")
        return Principal(
            kind=kind,
            account=account,
            name=row.get("name", name),
            arn=f"arn:aws:iam::{account}:{KINDS[kind]}/{row.get('name', name)}",
            groups=tuple(row.get("groups", ())),
            tags=tuple(sorted(row.get("tags", {}).items())),
        )

    def _key(self, row: Mapping[str, Any], version: int) -> Key:
        region = row.get("region", self._region)
        primary = row.get("primaryRegion", region)
        return Key(
            partition="aws",
            region=region,
            account=str(row.get("account", "111122223333")),
            key_id=row.get("id", "1234abcd-12ab-34cd-56ef-1234567890ab"),
            key_spec=KeySpec(row.get("keySpec", "SYMMETRIC_DEFAULT")),
            key_usage=KeyUsage(row.get("keyUsage", "ENCRYPT_DECRYPT")),
            origin=Origin(row.get("keyOrigin", "AWS_KMS")),
            state=KeyState(row.get("keyState", "Enabled")),
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            version=version,
            multi_region=MultiRegionRole(primary) if row.get("multiRegion") else None,
            policy=row.get("policy", ""),
            account_delegation=row.get("accountDelegation", True),
            tags=tuple(sorted(row.get("tags", {}).items())),
            aliases=tuple(sorted(row.get("aliases", ()))),
        )


def _many(case: Mapping[str, Any], name: str) -> list[str]:
    value = case[f"{name}s"] if f"{name}s" in case else case[name]
    return list(value) if isinstance(value, list) else [value]

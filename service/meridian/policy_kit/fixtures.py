"""What a file of policy tests names once, and the requests that its cases make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from meridian.authorization.decision.facts import PlainFacts, cedar_time
from meridian.authorization.language.entities import AliasResource, KeyStoreResource, Resource, ScopeResource, Surroundings
from meridian.authorization.language.schema_model import SchemaModel
from meridian.domain.any_case import any_case
from meridian.domain.close_names import did_you_mean
from meridian.domain.key import Key
from meridian.domain.key_store import KeyStoreType
from meridian.domain.limits import DELETION_WINDOW_IN_DAYS_DEFAULT, ROTATION_PERIOD_IN_DAYS_DEFAULT
from meridian.domain.principal import Principal
from meridian.policy_kit.attributes import require_some_actions
from meridian.policy_kit.derived_facts import ANY_CASE_OF, KEYS_OF, LABELS_OF
from meridian.policy_kit.rows import Row, RowError, of_caller, principal_of, resource_of, surroundings_of

CONTEXT_DEFAULTS: Final[dict[str, Any]] = {
    "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
    "encryptionContext": {},
    "reEncryptOnSameKey": False,
    "bypassPolicyLockoutSafetyCheck": False,
    "requestTags": {},
    "replication": False,
    "messageType": "RAW",
    "expirationModel": "KEY_MATERIAL_EXPIRES",
    "scheduleKeyDeletionPendingWindowInDays": DELETION_WINDOW_IN_DAYS_DEFAULT,
    "rotationPeriodInDays": ROTATION_PERIOD_IN_DAYS_DEFAULT,
    "grantIsForService": False,
    "callerIsRetiringPrincipal": False,
    "callerIsGrantee": False,
    "grantOperations": [],
    "storeType": KeyStoreType.AWS_CLOUDHSM.value,
}
"""What the service fills in where a request is silent."""

REQUEST_DEFAULTS: Final[dict[str, Any]] = {
    "sourceIp": "127.0.0.1",
    "secureTransport": True,
    "mfaPresent": False,
    "dryRun": False,
    "grants": [],
}

SCOPE: Final = "scope"
"""Names the account in this Region, the resource of calls that concern no single key."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be decided, and its cell: who does what to which resource, by the file's names."""

    principal: Principal
    action: str
    resource: Resource
    facts: PlainFacts
    cell: str


@dataclass(frozen=True, slots=True)
class Fixtures:
    """The named things of one file."""

    region: str
    now: str
    """As Cedar reads a time."""
    around: Surroundings
    principals: Mapping[str, Principal]
    keys: Mapping[str, Key | KeyStoreResource]
    """Keys, and custom key stores; a store is always the caller's."""
    contexts: Mapping[str, Row]

    def request(self, principal: str, action: str, resource: str, context: Row, request: Row, model: SchemaModel) -> Request:
        """Raises: RowError naming what the file does not know."""
        caller = _named(self.principals, principal, "principal")
        about = self._resource(resource, caller)
        return Request(caller, action, about, self.facts(action, context, request, model), f"{principal} {action} {resource}")

    def facts(self, action: str, context: Row, request: Row, model: SchemaModel) -> PlainFacts:
        """What a policy may ask of a request to this action; attributes of other actions are left out."""
        if action not in model.actions:
            raise RowError(f"{action} is no action of the schema{did_you_mean(action, _asked(model))}")
        require_some_actions(context, request, model)
        values = {**CONTEXT_DEFAULTS, **context}
        for name, source in KEYS_OF.items():
            values.setdefault(name, sorted(values[source]))
        for name, source in ANY_CASE_OF.items():
            values[name] = any_case(values[source])
        for name, source in LABELS_OF.items():
            values.setdefault(name, sorted(self.around.region_labels.get(values.get(source, ""), ())))
        declared = {name.rstrip("?") for name in model.context_attributes(action)}
        asked = {"currentTime": self.now, "requestedRegion": self.region, **REQUEST_DEFAULTS, **request}
        return PlainFacts({name: value for name, value in values.items() if name in declared}, asked)

    def _resource(self, name: str, principal: Principal) -> Resource:
        if name == SCOPE:
            return ScopeResource(principal.account, self.region)
        if name.startswith("alias/"):
            return AliasResource(principal.account, self.region, name)
        if name.startswith("cks-"):
            return KeyStoreResource(principal.account, self.region, name, KeyStoreType.EXTERNAL_KEY_STORE)
        found: Key | KeyStoreResource = _named(self.keys, name, "key")
        return of_caller(found, principal)


def fixtures_of(document: Row, place: str) -> Fixtures:
    """The fixtures of a parsed file. Raises: RowError."""
    region = document.get("region", "us-east-1")
    rows = document.get("keys", {}).items()
    now = datetime.fromisoformat(str(document.get("now", "2026-01-01T00:00:00Z"))).astimezone(UTC)
    return Fixtures(
        region=region,
        now=cedar_time(now),
        around=surroundings_of(document),
        principals={
            name: principal_of(name, row or {}, f"{place}: principals.{name}") for name, row in document.get("principals", {}).items()
        },
        keys={
            name: resource_of(row or {}, region=region, version=version, place=f"{place}: keys.{name}")
            for version, (name, row) in enumerate(rows, 1)
        },
        contexts=document.get("contexts", {}),
    )


def _asked(model: SchemaModel) -> list[str]:
    """Actions that can be asked for; groups cannot."""
    return [row.name for row in model.actions.values() if row.resources]


def _named(things: Mapping[str, Any], name: str, kind: str) -> Any:
    if name not in things:
        raise RowError(f"{kind} {name} is not among the fixtures of the file{did_you_mean(name, things)}")
    return things[name]

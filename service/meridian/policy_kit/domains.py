"""Finite domains: for every fact that policies read, the values that can make a difference to them.

A value makes a difference where it is spelled out by a policy, is another one, or is absent. Facts that are compared with each other
share their values, so that equal and unequal are both among the cells. Closed sets and Regions with their labels come from the
contract and from the file of tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import combinations
from typing import Any, Final

from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.evaluator import Est
from meridian.authorization.language.group_form import GROUP
from meridian.authorization.language.schema_model import SchemaModel
from meridian.policy_kit.closed_domains import CLOSED_DOMAINS
from meridian.policy_kit.derived_facts import KEYS_OF, LABELS_OF
from meridian.policy_kit.reads import Path, Reads, reads_of
from meridian.policy_kit.rows import ACCOUNT, KINDS, STORE_TYPE, RowError

ABSENT: Final = "(absent)"
OTHER: Final = "other"
OTHER_REGION: Final = "xx-nowhere-1"
OTHER_ADDRESS: Final = "203.0.113.9"
GROUPS_MAX: Final = 5
"""With more groups than this, combinations of at most two are tried; the proof says so."""
OPEN_POLICY: Final = "permit (principal, action, resource);"
"""The key policy that opens a key as far as key policies can."""

REGIONAL: Final = frozenset({"replicaRegion", "primaryRegion", "requestedRegion"})
ROLE_FACTS: Final = frozenset({"multiRegion", "multiRegionKeyType", "primaryRegion", "replicaRegions"})


@dataclass(frozen=True, slots=True)
class Axis:
    """One fact with its values. The name is what `forall` calls it; a value is a piece of a row."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Domains:
    """The axes of each part of a request, in the order in which they are walked."""

    principal: tuple[Axis, ...]
    key: tuple[Axis, ...]
    context: tuple[Axis, ...]
    request: tuple[Axis, ...]
    capped: tuple[str, ...] = ()
    """What was cut short, in words; empty where the enumeration is exhaustive."""

    @property
    def cells(self) -> int:
        count = 1
        for axis in (*self.principal, *self.key, *self.context, *self.request):
            count *= len(axis.values)
        return count


def domains_of(
    policies: Iterable[Est], action: str, model: SchemaModel, around: Surroundings, forall: Mapping[str, Sequence[Any]]
) -> Domains:
    """The domains of what these policies read of a request to this action; `forall` replaces the values of an axis."""
    policies = tuple(policies)
    reads = reads_of(policies)
    if any(len(path) > 1 and path[1].lower().endswith("anycase") for path in reads.literals):
        raise RowError("reads tags in any case, as converted policies do; what is enumerated are tags by their exact names")
    builder = _Builder(reads, action, model, around, policies)
    made = {part: tuple(_given(axis, forall) for axis in axes) for part, axes in builder.parts().items()}
    extra = [name for name in forall if name not in {axis.name for axes in made.values() for axis in axes} | {"action"}]
    for name in extra:
        part = name.split(".", 1)[0]
        if part in made:
            made[part] += (Axis(name, tuple(forall[name])),)
    capped = [each for each in builder.capped if "groups" not in each or "principal.groups" not in forall]
    return Domains(**made, capped=tuple(capped))


def _given(axis: Axis, forall: Mapping[str, Sequence[Any]]) -> Axis:
    return Axis(axis.name, tuple(forall[axis.name])) if axis.name in forall else axis


class _Builder:
    def __init__(self, reads: Reads, action: str, model: SchemaModel, around: Surroundings, policies: tuple[Est, ...]) -> None:
        self._reads = reads
        self._around = around
        self._kinds = {name.rstrip("?"): kind for name, kind in model.context_attributes(action).items()}
        self._optional = {name.rstrip("?") for name in model.context_attributes(action) if name.endswith("?")}
        self._request_kinds = {name.rstrip("?"): (kind, name.endswith("?")) for name, kind in model.types["Request"].items()}
        self._policies = policies
        self._resources = model.actions[action].resource_types
        self.capped: list[str] = []
        if reads.computed_tags:
            self.capped.append("tags whose names are computed")
        if ("context", "request", "currentTime") in reads.literals:
            self.capped.append("the time, which stands still at the file's now")

    def parts(self) -> dict[str, tuple[Axis, ...]]:
        return {
            "principal": tuple(self._principal()),
            "key": tuple(self._key() if "Key" in self._resources else self._store() if "KeyStore" in self._resources else ()),
            "context": tuple(self._context()),
            "request": tuple(self._request()),
        }

    # ---- who asks

    def _principal(self) -> list[Axis]:
        axes = [Axis("principal.account", self._accounts()), Axis("principal.groups", self._groups())]
        named = sorted(kind_name for kind_name in self._reads.entities if kind_name[0].removeprefix("KMS::") in KINDS)
        kinds = {policy["principal"].get("entity_type", "") for policy in self._policies} | {"KMS::User"}
        archetypes: list[Any] = [{"kind": kind} for kind in KINDS if f"KMS::{kind}" in kinds]
        archetypes += [_named_principal(kind, name) for kind, name in named]
        axes.append(Axis("principal", tuple(archetypes)))
        return axes + self._tag_axes("principal", "principal")

    def _groups(self) -> tuple[tuple[str, ...], ...]:
        """Combinations of names: the account that they belong to is the caller's, another axis."""
        groups = sorted({name.rpartition("/")[2] for kind, name in self._reads.entities if kind == GROUP})
        most = len(groups)
        if most > GROUPS_MAX:
            most = 2
            self.capped.append(f"combinations of at most 2 of {len(groups)} groups")
        return tuple(chosen for size in range(most + 1) for chosen in combinations(groups, size))

    def _accounts(self) -> tuple[str, ...]:
        named = {name.split("/", 1)[0] for kind, name in self._reads.entities if kind not in ("KMS::OrgUnit", "KMS::Action")}
        named |= {
            str(value) for path in (("principal", "account"), ("resource", "account")) for value in self._reads.literals.get(path, ())
        }
        return tuple(sorted({ACCOUNT, *named, *self._around.org_units}))

    # ---- what it is about

    def _key(self) -> list[Axis]:
        read = {path[1] for path in self._reads.literals if path[0] == "resource" and len(path) == 2}
        axes = [Axis("key.account", self._accounts()), Axis("key.policy", ("", OPEN_POLICY))]
        if read & {"region", "regionLabels"}:
            axes.append(Axis("key.region", self._regions()))
        if read & ROLE_FACTS:
            axes.append(Axis("key", tuple(self._roles())))
        if "accountDelegation" in read:
            axes.append(Axis("key.accountDelegation", (True, False)))
        axes += [
            Axis(f"key.{name}", self._texts(("resource", name)))
            for name in ("keySpec", "keyUsage", "keyOrigin", "keyState")
            if name in read
        ]
        paths = sorted(name.split("/", 1)[1] for kind, name in self._reads.entities if kind == "KMS::AliasPath")
        names = sorted(self._reads.literals.get(("resource", "resourceAliases"), ()))
        if paths or names:
            axes.append(Axis("key.aliases", ((), *(((f"{path}/x"),) for path in paths), *((name,) for name in names))))
        return axes + self._tag_axes("resource", "key")

    def _store(self) -> list[Axis]:
        return [Axis(f"key.{STORE_TYPE}", CLOSED_DOMAINS["resource", STORE_TYPE])]

    def _roles(self) -> Iterable[dict[str, Any]]:
        yield {"multiRegion": False}
        yield {"multiRegion": True}
        yield {"multiRegion": True, "primaryRegion": OTHER_REGION}

    # ---- what the request says

    def _context(self) -> list[Axis]:
        axes: list[Axis] = []
        read = {path[1] for path in self._reads.literals if path[0] == "context" and len(path) > 1 and path[1] in self._kinds}
        for name in sorted(read - {"request"} - set(KEYS_OF)):
            if self._kinds[name] in ("EncryptionContext", "RequestTags"):
                axes += self._map_axes(name)
            elif name in LABELS_OF or name in REGIONAL:
                fact = LABELS_OF.get(name, name)
                axes.append(Axis(f"context.{fact}", self._regions()))
            elif self._kinds[name] != "Attestation":
                axes.append(Axis(f"context.{name}", self._values(("context", name), self._kinds[name], optional=name in self._optional)))
        for derived, source in KEYS_OF.items():
            if derived in read:
                axes += self._map_axes(source)
        return list({axis.name: axis for axis in axes}.values())

    def _map_axes(self, name: str) -> list[Axis]:
        """One axis a tag that is read by name; and, where the names themselves are asked for, one more with an unheard-of name."""
        tags = {path[2] for path in self._reads.literals if path[:2] == ("context", name) and len(path) == 3}
        keys = next((derived for derived, source in KEYS_OF.items() if source == name), "")
        asked = self._reads.literals.get(("context", keys))
        if asked is not None:
            tags |= {str(value) for value in asked} | {OTHER}
        return [Axis(f"context.{name}.{tag}", (ABSENT, *self._texts(("context", name, tag)))) for tag in sorted(tags)]

    def _request(self) -> list[Axis]:
        read = {path[2] for path in self._reads.literals if path[:2] == ("context", "request") and len(path) == 3}
        axes = []
        for name in sorted(read - {"currentTime"}):
            kind, optional = self._request_kinds[name]
            values = self._regions() if name in REGIONAL else self._values(("context", "request", name), kind, optional=optional)
            axes.append(Axis(f"request.{name}", values))
        return axes

    # ---- values

    def _values(self, path: Path, kind: str, *, optional: bool) -> tuple[Any, ...]:
        made: Sequence[Any] = VALUES.get(kind, _no_values)(sorted(self._reads.literals.get(path, ()), key=str))
        if kind == "String":
            made = self._texts(path)
        return (ABSENT, *made) if optional else tuple(made)

    def _texts(self, path: Path) -> tuple[str, ...]:
        """The texts that matter for a fact: its own and those of every fact it is compared with, and another one."""
        group = self._group(path)
        found = {str(value) for each in group for value in self._reads.literals.get(each, ())}
        found |= {pattern.replace("*", "x") for each in group for pattern in self._reads.patterns.get(each, ())}
        found |= {
            label for each in group if each[-1].endswith("Labels") for labels in self._around.region_labels.values() for label in labels
        }
        closed = CLOSED_DOMAINS.get(path)
        if closed is not None:
            if any(self._reads.patterns.get(each) for each in group):
                return closed
            others = [value for value in closed if value not in found]
            return (*sorted(found & set(closed)), *others[:1])
        return (*sorted(found), OTHER)

    def _group(self, path: Path) -> set[Path]:
        group, grown = {path}, True
        while grown:
            more = {there for pair in self._reads.linked for here, there in (pair, pair[::-1]) if here in group}
            grown = not more <= group
            group |= more
        return group

    def _tag_axes(self, owner: str, part: str) -> list[Axis]:
        paths = sorted(path for path in self._reads.literals if path[:2] == (owner, "tags") and len(path) == 3)
        return [Axis(f"{part}.tags.{path[2]}", (ABSENT, *self._texts(path))) for path in paths]

    def _regions(self) -> tuple[str, ...]:
        named = {str(value) for path, values in self._reads.literals.items() if path[-1] in {*REGIONAL, "region"} for value in values}
        named |= {p.replace("*", "x") for path, ps in self._reads.patterns.items() if path[-1] in {*REGIONAL, "region"} for p in ps}
        return tuple(sorted({*named, *self._around.region_labels, OTHER_REGION}))


def _named_principal(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind.removeprefix("KMS::"), "name": name.split("/", 1)[-1]}


def _addresses(ranges: Sequence[Any]) -> tuple[str, ...]:
    inside = {str(ip_network(str(each), strict=False).network_address) for each in ranges}
    return (*sorted(inside), OTHER_ADDRESS)


def _numbers(literals: Sequence[Any]) -> tuple[int, ...]:
    return tuple(sorted({value + step for value in literals if isinstance(value, int) for step in (-1, 0, 1)})) or (0, 1)


def _sets(literals: Sequence[Any]) -> tuple[list[str], ...]:
    members = [str(value) for value in literals]
    return ([], *([member] for member in members), *([members] if len(members) > 1 else []), [*members, OTHER])


def _times(_literals: Sequence[Any]) -> tuple[str, ...]:
    return ("2026-01-01T00:00:00.000Z", "2026-01-31T00:00:00.000Z", "2027-01-01T00:00:00.000Z")


def _no_values(_literals: Sequence[Any]) -> tuple[Any, ...]:
    return ()


VALUES: Final[dict[str, Callable[[Sequence[Any]], Sequence[Any]]]] = {
    "Bool": lambda literals: (False, True),
    "Long": _numbers,
    "ipaddr": _addresses,
    "datetime": _times,
    "Set<String>": _sets,
}
"""Type of an attribute → the values that matter, from the literals it is compared with. Texts are made apart."""

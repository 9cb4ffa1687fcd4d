"""The Principal and NotPrincipal elements: who a statement is about, as Cedar.

Source: IAM User Guide, AWS JSON policy elements: Principal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.language.cedar_text import cedar_text

ARN: Final = re.compile(r"arn:([a-z-]+):(iam|sts)::([0-9]{12}):(.+)")
ACCOUNT: Final = re.compile(r"[0-9]{12}")
KINDS: Final = {"user": "User", "role": "Role", "service": "Service"}


@dataclass(frozen=True, slots=True)
class Principals:
    """Who a statement is about."""

    entities: tuple[str, ...]
    """Cedar entities: principals by themselves, whole accounts as accounts."""
    everybody: bool = False
    own_root: bool = False
    """Names the key's own account, which in AWS leaves the decision to the policies of that account."""

    def scope(self) -> str:
        """The principal scope; several principals are told apart in a condition."""
        if len(self.entities) != 1:
            return "principal"
        return f"principal {_relation(self.entities[0])} {self.entities[0]}"

    def condition(self) -> str:
        """What remains to be asked after the scope; empty for nothing."""
        return f"({self.any_of()})" if len(self.entities) > 1 else ""

    def any_of(self) -> str:
        return " || ".join(f"principal {_relation(entity)} {entity}" for entity in self.entities)


def principals_of(element: Any, place: str, partition: str, account: str, services: Mapping[str, str]) -> Principals:
    """Those whom a policy of a key of this partition and account names. Raises: RefusedDocument."""
    if element == "*":
        return Principals((), everybody=True)
    if not isinstance(element, Mapping) or not element:
        raise RefusedDocument(place, Why.PRINCIPALS)
    entities: list[str] = []
    everybody = own_root = False
    for kind, names in element.items():
        if kind not in ("AWS", "Service"):
            raise RefusedDocument(f"{place}.{kind}", Why.PRINCIPAL_KIND)
        if names == []:
            raise RefusedDocument(f"{place}.{kind}", Why.NAMES_NOBODY)
        for number, name in enumerate(names if isinstance(names, list) else [names]):
            where = f"{place}.{kind}[{number}]" if isinstance(names, list) else f"{place}.{kind}"
            if not isinstance(name, str):
                raise RefusedDocument(where, Why.PRINCIPAL_NO_TEXT)
            _require_partition(name, where, partition)
            if kind == "Service":
                entities.append(_service(name, where, services))
            elif name == "*":
                everybody = True
            elif _account(name) == account:
                own_root = True
            else:
                entities.append(_entity(name, where))
    return Principals(tuple(dict.fromkeys(entities)), everybody, own_root)


def _relation(entity: str) -> str:
    return "in" if entity.startswith("KMS::Account") else "=="


def _require_partition(name: str, place: str, partition: str) -> None:
    """Accounts of two partitions may have one number, and are strangers."""
    match = ARN.fullmatch(name)
    if match is not None and match[1] != partition:
        raise RefusedDocument(place, Why.PARTITION, partition=partition)


def _account(name: str) -> str:
    """The account that a name means as a whole; empty where it means one principal."""
    if ACCOUNT.fullmatch(name):
        return name
    match = ARN.fullmatch(name)
    return match[3] if match is not None and match[2] == "iam" and match[4] == "root" else ""


def _entity(name: str, place: str) -> str:
    whole = _account(name)
    if whole:
        return f'KMS::Account::"{whole}"'
    match = ARN.fullmatch(name)
    if match is None:
        raise RefusedDocument(place, Why.PRINCIPAL_NO_ARN)
    _, service, account, rest = match.groups()
    kind, _, own = rest.partition("/")
    if service == "sts":
        raise RefusedDocument(place, Why.SESSION)
    if kind not in KINDS or not own or "*" in own:
        raise RefusedDocument(place, Why.NOT_A_PRINCIPAL)
    return f"KMS::{KINDS[kind]}::{cedar_text(f'{account}/{own}')}"


def _service(name: str, place: str, services: Mapping[str, str]) -> str:
    if name not in services:
        raise RefusedDocument(place, Why.SERVICE_UNMAPPED)
    return f"KMS::Service::{cedar_text(services[name])}"

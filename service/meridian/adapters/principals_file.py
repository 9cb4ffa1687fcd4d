"""Principals from a TOML file: `[[principals]]` tables, each with the credentials that prove it. Whom tokens of identity providers name
stands in the same file, and is read by `token_rules_file.py`.

A static token stands there as its SHA-256 only, a secret access key as the name of the file that holds it, which nobody else may read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, Final

from meridian.adapters.token_rules_file import TABLES, TokenTablesReader
from meridian.domain.identifiers import ACCOUNT, GROUP_NAME
from meridian.domain.principal import Principal
from meridian.domain.session import METHOD as SESSION
from meridian.domain.session import principal_of_session
from meridian.domain.strict_toml import TomlFault, parse_toml
from meridian.domain.token_rules import METHOD as IDENTITY_TOKEN
from meridian.domain.token_rules import NO_TOKENS
from meridian.domain.xks import RESERVED_NAMES
from meridian.engine.secret_files import FileFault, read_secret, read_trusted
from meridian.ports.key_sets import KeySetSource
from meridian.ports.principals import AccessKey
from meridian.ports.token_reviews import ReviewSource

CERTIFICATE = "client_certificate"
TOKEN = "bearer_token"  # noqa: S105 - the name of a method, not a credential
KINDS = {"User": "user", "Role": "role", "Service": "service"}
SIGNATURE = "aws_signature"
FIELDS = {"kind", "account", "name", "groups", "tags", "spiffe_id", "token_sha256", "mfa_present"}
FIELDS |= {"access_key_id", "secret_access_key_file", "session_token_sha256"}
SERVICE: Final = "Service"
PRINCIPALS: Final = "principals"
PRINCIPALS_MAX: Final = 20_000
SHA256: Final = re.compile(r"[0-9a-f]{64}")
FORMS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "groups": (lambda v: isinstance(v, list) and all(isinstance(each, str) for each in v), "must be a list of texts"),
    "tags": (lambda v: isinstance(v, dict) and all(isinstance(each, str) for each in v.values()), "must be a table of texts"),
    "spiffe_id": (lambda v: isinstance(v, str) and v.startswith("spiffe://"), "must begin with spiffe://"),
    "token_sha256": (lambda v: isinstance(v, str) and SHA256.fullmatch(v) is not None, "must be 64 lower-case hexadecimal digits"),
    "session_token_sha256": (lambda v: isinstance(v, str) and SHA256.fullmatch(v) is not None, "must be 64 lower-case hexadecimal digits"),
    "mfa_present": (lambda v: isinstance(v, bool), "must be true or false"),
    "name": (lambda v: isinstance(v, str), "must be a text"),
    "access_key_id": (lambda v: isinstance(v, str), "must be a text"),
    "secret_access_key_file": (lambda v: isinstance(v, str), "must be a text"),
}
"""THE table of forms: what a field must look like where it is given."""


class PrincipalsFileError(FileFault):
    """The principals file is wrong; the message lists every fault."""


class FilePrincipals:
    """What one state of the file says."""

    def __init__(self, by_certificate: dict[str, Principal], by_token: dict[str, Principal], by_access_key: dict[str, AccessKey]) -> None:
        self.secret_files: tuple[Path, ...] = ()
        """The files with secret access keys, and those of issuers of tokens, that this state was read with."""
        self.mapping = NO_TOKENS
        self.key_set_sources: tuple[KeySetSource, ...] = ()
        self.review_sources: tuple[ReviewSource, ...] = ()
        self.digest = ""
        """Of the file and of those."""
        self._by_access_key = by_access_key
        self._by_certificate = by_certificate
        self._by_token = by_token

    @classmethod
    def load(cls, path: Path, *, partition: str, org_units: dict[str, tuple[str, ...]]) -> FilePrincipals:
        """Read a file. Raises: PrincipalsFileError with every fault in it."""
        try:
            text = read_trusted(path)
        except FileFault as fault:
            raise PrincipalsFileError(str(fault)) from fault
        return cls.parse(text, path, path.parent, partition=partition, org_units=org_units)

    @classmethod
    def parse(cls, text: bytes, path: Path, secrets: Path, *, partition: str, org_units: dict[str, tuple[str, ...]]) -> FilePrincipals:
        """What the bytes of `path` say, with relative names of secret files below `secrets`. Raises: PrincipalsFileError, every fault."""
        try:
            document = parse_toml(text)
        except TomlFault as fault:
            raise PrincipalsFileError(f"{path}: {fault}") from fault
        unknown = sorted(set(document) - {PRINCIPALS, *TABLES})
        if unknown:
            raise PrincipalsFileError(f"{path}: {unknown[0]} is no table of this file")
        entries = document.get(PRINCIPALS, [])
        if not isinstance(entries, list) or len(entries) > PRINCIPALS_MAX:
            raise PrincipalsFileError(f"{path}: principals must be tables, at most {PRINCIPALS_MAX}")
        faults: list[str] = []
        by_certificate: dict[str, Principal] = {}
        by_token: dict[str, Principal] = {}
        by_access_key: dict[str, AccessKey] = {}
        for number, entry in enumerate(entries, 1):
            problem = _fault_of(entry)
            if problem:
                faults.append(f"principal {number}: {problem}")
                continue
            principal = _principal(entry, partition, org_units.get(entry["account"], ()))
            for name, table, method in (("spiffe_id", by_certificate, CERTIFICATE), ("token_sha256", by_token, TOKEN)):
                subject = entry.get(name)
                if subject is None:
                    continue
                if subject in table:
                    faults.append(f"principal {number}: {name} is given to two principals")
                table[subject] = replace(principal, method=method, subject=subject if method == CERTIFICATE else principal.arn)
            if "access_key_id" in entry:
                problem = _add_access_key(by_access_key, entry, principal, secrets)
                faults += [f"principal {number}: {problem}"] if problem else []
        reader = TokenTablesReader(secrets, partition=partition, org_units=org_units)
        tables = reader.read(document)
        faults += reader.faults
        if faults:
            raise PrincipalsFileError(f"{path}: " + "; ".join(faults))
        made = cls(by_certificate, by_token, by_access_key)
        keys = tuple(secrets / entry["secret_access_key_file"] for entry in entries if "access_key_id" in entry)
        made.secret_files = (*keys, *tables.files)
        made.mapping, made.key_set_sources, made.review_sources = tables.mapping, tables.sources, tables.reviews
        secret = b"".join(known.secret_access_key.encode() for known in by_access_key.values())
        made.digest = sha256(text + secret + tables.digest).hexdigest()
        return made

    def find_by_spiffe_id(self, spiffe_id: str) -> Principal | None:
        return self._by_certificate.get(spiffe_id)

    def find_by_token_hash(self, token_sha256: str) -> Principal | None:
        return self._by_token.get(token_sha256)

    def find_by_access_key(self, access_key_id: str) -> AccessKey | None:
        return self._by_access_key.get(access_key_id)

    def find_by_arn(self, arn: str) -> Principal | None:
        keys = (known.principal for known in self._by_access_key.values())
        listed = (p for p in chain(self._by_certificate.values(), self._by_token.values(), keys) if p.arn == arn)
        return next(listed, None) or self.mapping.find_by_arn(arn)

    def find_by_subject(self, method: str, subject: str) -> Principal | None:
        if method == SIGNATURE:
            known = self._by_access_key.get(subject)
            return known.principal if known is not None else None
        if method == CERTIFICATE:
            return self._by_certificate.get(subject)
        if method == IDENTITY_TOKEN:
            return self.mapping.principal_of_subject(subject)
        if method == SESSION:
            return principal_of_session(subject, self.mapping)
        return next((p for p in self._by_token.values() if p.subject == subject), None) if method == TOKEN else None


def _add_access_key(known: dict[str, AccessKey], entry: dict[str, Any], principal: Principal, folder: Path) -> str:
    """Add the access key of an entry; the answer is what is wrong with it, or nothing."""
    access_key_id = str(entry["access_key_id"])
    if access_key_id in known:
        return "access_key_id is given to two principals"
    try:
        secret = read_secret(folder / entry["secret_access_key_file"]).decode().strip()
    except KeyError:
        return "secret_access_key_file is missing"
    except FileFault as fault:
        return f"secret_access_key_file {fault}"
    except UnicodeDecodeError:
        return "secret_access_key_file is no UTF-8 text"
    if not secret:
        return "secret_access_key_file is empty"
    own = replace(principal, method=SIGNATURE, subject=access_key_id)
    known[access_key_id] = AccessKey(own, secret, str(entry.get("session_token_sha256", "")))
    return ""


def _fault_of(entry: Any) -> str:
    if not isinstance(entry, dict):
        return "is no table"
    unknown = set(entry) - FIELDS
    if unknown:
        return f"unknown fields {sorted(unknown)}"
    if entry.get("kind") not in KINDS:
        return f"kind must be one of {sorted(KINDS)}"
    if not ACCOUNT.fullmatch(str(entry.get("account", ""))):
        return "account must be twelve digits"
    if not entry.get("name"):
        return "name is missing"
    if entry["kind"] == SERVICE and str(entry["name"]).startswith(RESERVED_NAMES):
        return "name is one of an export to another KMS, which no other principal has"
    if not any(entry.get(name) for name in ("spiffe_id", "token_sha256", "access_key_id")):
        return "no credential: give spiffe_id, token_sha256 or access_key_id"
    wrong = [f"{name} {text}" for name, (is_right, text) in FORMS.items() if name in entry and not is_right(entry[name])]
    if not wrong and not all(GROUP_NAME.fullmatch(group) for group in entry.get("groups", ())):
        return "groups are named without their account, which is the principal's"
    return "; ".join(wrong)


def _principal(entry: dict[str, Any], partition: str, org_units: tuple[str, ...]) -> Principal:
    kind, account, name = entry["kind"], entry["account"], entry["name"]
    return Principal(
        kind=kind,
        account=account,
        name=name,
        arn=f"arn:{partition}:iam::{account}:{KINDS[kind]}/{name}",
        groups=tuple(entry.get("groups", ())),
        tags=tuple(sorted(entry.get("tags", {}).items())),
        org_units=org_units,
        mfa_present=bool(entry.get("mfa_present", False)),
    )

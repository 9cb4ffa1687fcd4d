"""The principals as the files say them now: the principals file, less what the deny list names."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from meridian.adapters.principals_file import CERTIFICATE, TOKEN, FilePrincipals
from meridian.domain.principal import Principal
from meridian.domain.token_rules import TokenMapping
from meridian.engine.secret_files import FileFault, read_trusted
from meridian.ports.key_sets import KeySetSource
from meridian.ports.principals import AccessKey
from meridian.ports.token_reviews import ReviewSource

DENIED_MAX: Final = 100_000


class LivePrincipals:
    """Implements `ports.principals.Principals`. What was removed is not found by the next question."""

    def __init__(self, principals: FilePrincipals, denied: frozenset[str], *, accepts_tokens: bool) -> None:
        self._principals = principals
        self._denied = denied
        self._accepts_tokens = accepts_tokens

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """The files that the principals in force were read with: secret access keys, and what belongs to issuers of tokens."""
        return self._principals.secret_files

    @property
    def mapping(self) -> TokenMapping:
        return self._principals.mapping

    @property
    def key_set_sources(self) -> tuple[KeySetSource, ...]:
        """Where the key sets of the issuers in force come from."""
        return self._principals.key_set_sources

    @property
    def review_sources(self) -> tuple[ReviewSource, ...]:
        """Who is asked about the tokens of the issuers in force."""
        return self._principals.review_sources

    def use_principals(self, principals: FilePrincipals) -> None:
        """From now on these principals count."""
        self._principals = principals

    def use_denied(self, denied: frozenset[str]) -> None:
        """From now on these SPIFFE ids are denied."""
        self._denied = denied

    def is_denied(self, spiffe_id: str) -> bool:
        return spiffe_id in self._denied

    def find_by_spiffe_id(self, spiffe_id: str) -> Principal | None:
        return None if self.is_denied(spiffe_id) else self._principals.find_by_spiffe_id(spiffe_id)

    def find_by_token_hash(self, token_sha256: str) -> Principal | None:
        return self._principals.find_by_token_hash(token_sha256) if self._accepts_tokens else None

    def find_by_access_key(self, access_key_id: str) -> AccessKey | None:
        return self._principals.find_by_access_key(access_key_id)

    def find_by_arn(self, arn: str) -> Principal | None:
        return self._principals.find_by_arn(arn)

    def find_by_subject(self, method: str, subject: str) -> Principal | None:
        is_refused = (method == CERTIFICATE and self.is_denied(subject)) or (method == TOKEN and not self._accepts_tokens)
        return None if is_refused else self._principals.find_by_subject(method, subject)


def read_denied(path: Path) -> frozenset[str]:
    """A deny list: one SPIFFE id a line, `#` begins a comment. Raises: FileFault with every line that is neither."""
    try:
        lines = read_trusted(path).decode().splitlines()
    except UnicodeDecodeError as fault:
        raise FileFault(f"{path}: is no UTF-8 text") from fault
    ids = {number: line.partition("#")[0].strip() for number, line in enumerate(lines, 1)}
    faults = [f"line {number}: no SPIFFE id" for number, text in ids.items() if text and not text.startswith("spiffe://")]
    found = frozenset(text for text in ids.values() if text)
    if len(found) > DENIED_MAX:
        faults.append(f"more than {DENIED_MAX} ids")
    if faults:
        raise FileFault(f"{path}: " + "; ".join(faults[:16]))
    return found

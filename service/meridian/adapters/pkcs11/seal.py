"""The root key of a Region sealed under a key of a token.

A sealing key of 32 bytes is drawn for each sealed root, and kept beside it as only the token can open it: under an AES key that never
leaves the token, bound to that key's id. So the root's own box is the same as under every seal, and commits to its key.

Source: docs/spec/ciphertext.md §4; PKCS#11 v2.40, CKM_AES_GCM.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

from meridian.adapters.pkcs11.library import IV_BYTES, TokenPlace, TokenSession, library, open_session
from meridian.adapters.pkcs11.outcomes import TABLE, TokenFault
from meridian.adapters.pkcs11.thread import token_thread
from meridian.crypto.aead import KEY_BYTES
from meridian.domain.encoding import length_prefixed_tuple, read_length_prefixed_tuple
from meridian.domain.secret import Secret
from meridian.engine.seals import SealError
from meridian.engine.secret_files import FileFault, read_secret
from meridian.ports.entropy import Entropy

T = TypeVar("T")

FORMAT: Final = b"\x01"
LABEL: Final = b"meridian/v1/token-seal"
KEY_ID_BYTES: Final = 16
SEAL_SECONDS: Final = 20.0
"""For a token to log in and do its part; one behind a network may be slow to begin."""
NAME_MAX: Final = 32
"""Characters of a provider's name in the database."""


@dataclass(frozen=True, slots=True)
class TokenSeal:
    """Implements `engine.seals.Seal`. Each token is a provider of its own, so two may seal the same root."""

    token: TokenPlace
    key_label: str
    pin_file: Path
    provider: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "provider", provider_name(self.token.label))

    @property
    def place(self) -> str:
        return str(self.token)

    def new_parameters(self, entropy: Entropy) -> bytes:
        """As the port; a key of the label is made in the token where there is none. Raises: SealError."""
        fresh, sealing_key, iv = entropy.random_bytes(KEY_ID_BYTES), entropy.random_bytes(KEY_BYTES), entropy.random_bytes(IV_BYTES)

        def work(session: TokenSession) -> bytes:
            key_id = _id_of_labelled(session, self.key_label) or fresh
            if key_id == fresh:
                session.generate(fresh, self.key_label)
            sealed = session.encrypt(key_id, iv, _bound_to(key_id), sealing_key)
            if session.decrypt(key_id, iv, _bound_to(key_id), sealed) != sealing_key:
                raise SealError(f"{self.place}: does not give back what it sealed")
            return length_prefixed_tuple(FORMAT, key_id, iv, sealed)

        return self._with_token(work)

    def key(self, parameters: bytes) -> Secret:
        """As the port. The key is found by the id that stands beside the sealed root, whatever its label is now. Raises: SealError."""
        try:
            form, key_id, iv, sealed = read_length_prefixed_tuple(parameters)
        except ValueError as fault:
            raise SealError(f"{self.place}: the stored parameters cannot be read") from fault
        if form != FORMAT or len(iv) != IV_BYTES:
            raise SealError(f"{self.place}: the stored parameters are of another form")
        return Secret(self._with_token(lambda session: session.decrypt(key_id, iv, _bound_to(key_id), sealed)))

    def _with_token(self, work: Callable[[TokenSession], T]) -> T:
        try:
            pin = Secret(read_secret(self.pin_file).rstrip(b"\r\n"))
        except FileFault as fault:
            raise SealError(f"PIN file {fault}") from fault
        try:
            return token_thread().wait(lambda: _in_session(self.token, pin, work), SEAL_SECONDS)
        except TokenFault as fault:
            raise SealError(f"{self.place}: {TABLE[fault.outcome].text} ({fault.reason})") from fault


def provider_name(label: str) -> str:
    """What a seal in the token of this label is called beside others; a long label is cut, and told apart by its hash."""
    name = f"pkcs11:{label}"
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 9]}~{sha256(label.encode()).hexdigest()[:8]}"


def _in_session(place: TokenPlace, pin: Secret, work: Callable[[TokenSession], T]) -> T:
    """In the token thread: work in a session of its own, tried once more with the library started anew where that may help."""
    try:
        return _once(place, pin, work)
    except TokenFault as fault:
        if not TABLE[fault.outcome].may_pass:
            raise
    library(place.module).restart()
    return _once(place, pin, work)


def _once(place: TokenPlace, pin: Secret, work: Callable[[TokenSession], T]) -> T:
    session = open_session(place, pin)
    try:
        session.require_mechanism()
        return work(session)
    finally:
        session.close()


def _id_of_labelled(session: TokenSession, label: str) -> bytes | None:
    found = session.labelled(label)
    if found is None:
        return None
    session.require_sound(found)
    return session.id_of(found)


def _bound_to(key_id: bytes) -> bytes:
    return length_prefixed_tuple(LABEL, key_id)

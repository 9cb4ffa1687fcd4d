"""PKCS#11 libraries of this process, and sessions with their tokens. Everything here is called in the token thread alone.

A library is started anew where a token was lost, for some show a token that came back only then. That ends the sessions of all its tokens,
which are opened again when they are needed next: `Library.starts` tells them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from meridian.adapters.pkcs11.outcomes import Outcome, TokenFault, fault_of
from meridian.domain.secret import Secret
from meridian.engine.box import ACCESS

KEY_BITS: Final = 256
TAG_BYTES: Final = 16
IV_BYTES: Final = 12
KEYS_MAX: Final = 10_000
"""Handles of keys that a session keeps."""
MADE_WITHOUT: Final = ("EXTRACTABLE", "MODIFIABLE", "WRAP", "UNWRAP", "SIGN", "VERIFY", "DERIVE")
"""Attributes that a key of ours is made without: it encrypts and decrypts, and nothing else."""
MADE_WITH: Final = ("SENSITIVE", "PRIVATE")
PROBE: Final = b"meridian"
NEVER: Final = ("EXTRACTABLE", "WRAP", "DERIVE")
"""What no key that is used may have, whoever made it."""
ALWAYS: Final = ("SENSITIVE", "NEVER_EXTRACTABLE", "ENCRYPT", "DECRYPT")
"""What each must have."""


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a token is: a library, and the label of the token."""

    module: Path
    label: str

    def __str__(self) -> str:
        return f'token "{self.label}" of {self.module}'


@dataclass(slots=True)
class Library:
    """A loaded library."""

    module: Path
    bound: Any
    starts: int = 1

    def restart(self) -> None:
        """End every session and look for tokens anew. Raises: TokenFault."""
        with told():
            self.starts += 1
            if self.bound.initialized:
                with contextlib.suppress(binding().PKCS11Error):
                    self.bound.finalize()
            self.bound.initialize()


@cache
def binding() -> ModuleType:
    """The package `pkcs11`, which comes with the extra of that name. Raises: TokenFault."""
    try:
        pkcs11: ModuleType = import_module("pkcs11")
    except ImportError as fault:
        raise TokenFault(Outcome.NO_LIBRARY, 'python-pkcs11 is not installed: pip install "meridian[pkcs11]"') from fault
    return pkcs11


@cache
def library(module: Path) -> Library:
    """A library, loaded once. The settings name each, so they are few. Raises: TokenFault."""
    if not module.is_file():
        raise TokenFault(Outcome.NO_LIBRARY, f"{module} is no file")
    with told(Outcome.NO_LIBRARY):
        return Library(module, binding().lib(str(module)))


@contextlib.contextmanager
def told(otherwise: Outcome = Outcome.REFUSED) -> Iterator[None]:
    """What the binding raises in here, as a `TokenFault`."""
    try:
        yield
    except binding().PKCS11Error as fault:
        found = fault_of(fault)
        raise (TokenFault(otherwise, found.reason) if found.outcome is Outcome.REFUSED else found) from None  # its text may be anything


@dataclass(slots=True)
class TokenSession:
    """A session with a token, its user logged in."""

    place: TokenPlace
    bound: Any
    starts: int
    """Which start of the library it belongs to."""
    keys: dict[bytes, Any] = field(default_factory=dict)
    """Keys that were found, by id; at most `KEYS_MAX`."""

    @property
    def is_open(self) -> bool:
        """Whether the library was not started anew since."""
        return self.starts == library(self.place.module).starts

    def key(self, key_id: bytes) -> Any:
        """The key of this id. Raises: TokenFault."""
        found = self.keys.get(key_id)
        if found is None:
            found = self._only({binding().Attribute.ID: key_id})
            if found is None:
                raise TokenFault(Outcome.NO_KEY, key_id.hex())
            self.require_sound(found)
            while len(self.keys) >= KEYS_MAX:
                del self.keys[next(iter(self.keys))]
            self.keys[key_id] = found
        return found

    def labelled(self, label: str) -> Any | None:
        """The key of this label, None where there is none. Raises: TokenFault, also for two."""
        return self._only({binding().Attribute.LABEL: label})

    def id_of(self, key: Any) -> bytes:
        """The id of a key. Raises: TokenFault where it has none."""
        with told():
            key_id = bytes(key[binding().Attribute.ID])
        if not key_id:
            raise TokenFault(Outcome.NO_KEY, "the key has no CKA_ID")
        return key_id

    def generate(self, key_id: bytes, label: str) -> None:
        """A new AES key of 256 bits that never leaves the token. Raises: TokenFault."""
        p = binding()
        with told():
            made = self.bound.generate_key(
                p.KeyType.AES,
                KEY_BITS,
                id=key_id,
                label=label,
                store=True,
                capabilities=p.MechanismFlag.ENCRYPT | p.MechanismFlag.DECRYPT,
                template=_template(),
            )
        try:
            self.require_sound(made)
        except TokenFault:
            with told():
                made.destroy()
            raise

    def destroy(self, key_id: bytes) -> None:
        """The key of this id is gone, or was never there. Raises: TokenFault."""
        self.keys.pop(key_id, None)
        found = self._only({binding().Attribute.ID: key_id})
        if found is not None:
            with told():
                found.destroy()

    def encrypt(self, key_id: bytes, iv: bytes, aad: bytes, plaintext: bytes) -> bytes:
        """Ciphertext and tag. Raises: TokenFault."""
        p = binding()
        sealed: bytes = self._used(
            key_id, lambda key: key.encrypt(plaintext, mechanism=p.Mechanism.AES_GCM, mechanism_param=p.GCMParams(iv, aad, 8 * TAG_BYTES))
        )
        if len(sealed) != len(plaintext) + TAG_BYTES:
            raise TokenFault(Outcome.REFUSED, "a ciphertext of another length")
        return sealed

    def decrypt(self, key_id: bytes, iv: bytes, aad: bytes, sealed: bytes) -> bytes:
        """The plaintext. Raises: TokenFault; of a text that does not verify, libraries say different things."""
        p = binding()
        opened: bytes = self._used(
            key_id, lambda key: key.decrypt(sealed, mechanism=p.Mechanism.AES_GCM, mechanism_param=p.GCMParams(iv, aad, 8 * TAG_BYTES))
        )
        if len(opened) != len(sealed) - TAG_BYTES:
            raise TokenFault(Outcome.REFUSED, "a plaintext of another length")
        return opened

    def random(self, number_of_bytes: int) -> bytes:
        """Bytes of the token's own generator. Raises: TokenFault."""
        with told():
            try:
                drawn = bytes(self.bound.generate_random(8 * number_of_bytes))
            except ValueError as fault:  # of a token that answers with nothing
                raise TokenFault(Outcome.REMOVED, "no random bytes") from fault
        if len(drawn) != number_of_bytes:
            raise TokenFault(Outcome.REFUSED, "random bytes of another number")
        return drawn

    def require_mechanism(self) -> None:
        """Raises: TokenFault where the token does not do AES-GCM."""
        with told():
            if binding().Mechanism.AES_GCM not in self.bound.token.slot.get_mechanisms():
                raise TokenFault(Outcome.NO_MECHANISM, "AES_GCM")

    def require_there(self) -> None:
        """The token answers, and is where it was. Raises: TokenFault."""
        with told():
            library(self.place.module).bound.get_token(token_label=self.place.label)
        self.random(IV_BYTES)

    def require_works(self, key_id: bytes | None) -> None:
        """What a key encrypts, it decrypts; for None, a key of this session alone. Raises: TokenFault."""
        p = binding()
        param = p.GCMParams(self.random(IV_BYTES), b"", 8 * TAG_BYTES)
        key = self.key(key_id) if key_id is not None else self._passing_key()
        with told():
            sealed = key.encrypt(PROBE, mechanism=p.Mechanism.AES_GCM, mechanism_param=param)
            if key.decrypt(sealed, mechanism=p.Mechanism.AES_GCM, mechanism_param=param) != PROBE:
                raise TokenFault(Outcome.REFUSED, "what was encrypted is not decrypted")

    def _passing_key(self) -> Any:
        p = binding()
        use = p.MechanismFlag.ENCRYPT | p.MechanismFlag.DECRYPT
        with told():
            return self.bound.generate_key(p.KeyType.AES, KEY_BITS, store=False, capabilities=use, template=_template())

    def require_sound(self, key: Any) -> None:
        """Raises: TokenFault for a key that the token would give out, or that was outside of it, or that can do more than it should."""
        p = binding()
        for names, wanted in ((ALWAYS, True), (NEVER, False)):
            for name in names:
                try:
                    with told():
                        has = key[p.Attribute[name]]
                except TokenFault as fault:
                    if fault.reason.endswith("AttributeTypeInvalid"):
                        raise TokenFault(Outcome.UNSOUND_KEY, f"does not tell CKA_{name}") from fault
                    raise
                if has is not wanted:
                    raise TokenFault(Outcome.UNSOUND_KEY, f"CKA_{name} is {has}")

    def close(self) -> None:
        """Log out and end the session, as far as it is there."""
        self.keys.clear()
        if self.is_open:
            with contextlib.suppress(binding().PKCS11Error):
                self.bound.close()

    def _used(self, key_id: bytes, use: Callable[[Any], bytes]) -> bytes:
        """What comes of the key. One whose handle no longer holds is looked for once more: somebody may have made it anew."""
        was_kept = key_id in self.keys
        try:
            with told():
                return use(self.key(key_id))
        except TokenFault as fault:
            self.keys.pop(key_id, None)
            if fault.outcome is not Outcome.NO_KEY or not was_kept:
                raise
        with told():
            return use(self.key(key_id))

    def _only(self, attributes: dict[Any, Any]) -> Any | None:
        p = binding()
        with told():
            found = list(self.bound.get_objects({p.Attribute.CLASS: p.ObjectClass.SECRET_KEY, **attributes}))
        if len(found) > 1:
            raise TokenFault(Outcome.NO_KEY, "there are two of this name")
        return found[0] if found else None


def _template() -> dict[Any, bool]:
    p = binding()
    return {p.Attribute[name]: has for names, has in ((MADE_WITHOUT, False), (MADE_WITH, True)) for name in names}


def token_is_there(place: TokenPlace) -> None:
    """The library shows the token. Raises: TokenFault."""
    at = library(place.module)
    try:
        with told():
            at.bound.get_token(token_label=place.label)
    except TokenFault:
        at.restart()
        with told():
            at.bound.get_token(token_label=place.label)


def open_session(place: TokenPlace, pin: Secret) -> TokenSession:
    """Log in. The PIN is presented once, whatever comes of it. Raises: TokenFault."""
    from_library, p = library(place.module), binding()
    try:
        text = pin.reveal(ACCESS).decode()
    except UnicodeDecodeError:
        raise TokenFault(Outcome.PIN_REFUSED, "the PIN is not text") from None
    with told():
        try:
            token = from_library.bound.get_token(token_label=place.label)
        except p.MultipleTokensReturned as fault:
            raise TokenFault(Outcome.ABSENT, "two tokens have this label") from fault
        if p.TokenFlag.USER_PIN_LOCKED in token.flags:
            raise TokenFault(Outcome.PIN_LOCKED, "the token says so; no PIN was presented")
        session = token.open(rw=True, user_pin=text)
    return TokenSession(place, session, from_library.starts)

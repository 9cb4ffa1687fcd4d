"""Where keys lie: in the Region alone, or with a lock in a custom key store.

A key store is asked by small roles, so that each kind implements what it can: the Region's own engine has no connection, a token makes
its keys itself, a key manager behind a proxy has them already. Every kind passes `tests/contract/test_key_store.py`.

What a store raises says the same of every kind: for a use of a key it is KMSInvalidStateException, whatever failed outside, and only its
text tells why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from meridian.domain.ciphertext_blob import CiphertextBlob
from meridian.domain.key import Key
from meridian.domain.secret import Secret
from meridian.ports.crypto.ciphers import Decrypted, Encrypted
from meridian.ports.store.key_stores import KeyStoreRow
from meridian.ports.store.keyring import SecretRow


@dataclass(frozen=True, slots=True)
class AskedFor:
    """The call that a store works for, as the store's owner reads it in his own log."""

    request_id: str
    operation: str
    caller_arn: str


class KeyCiphers(Protocol):
    """Ciphertexts of symmetric encryption keys."""

    async def encrypt(self, key: Key, encryption_context: bytes, plaintext: bytes, asked: AskedFor) -> Encrypted:
        """A ciphertext under the key's current material. Raises: KMSInvalidStateException where the store does not do it;
        ThrottlingException where it has too much to do."""
        ...

    async def decrypt(self, key: Key, encryption_context: bytes, blob: CiphertextBlob, asked: AskedFor) -> Decrypted:
        """The plaintext. Raises: InvalidCiphertextException for every fault of the blob that is seen before the store is asked; as
        `encrypt` beside that."""
        ...


class KeyStoreKeys(Protocol):
    """Keys in stores of one kind."""

    async def require_fit(self, key: Key, asked: AskedFor) -> None:
        """Return where what the key needs outside is there and fits. Raises: XksKeyNotFoundException,
        XksKeyInvalidConfigurationException, CustomKeyStoreInvalidStateException, UnsupportedOperationException."""
        ...


class KeyMaking(Protocol):
    """Keys of stores that make them: half of the key is made with it, and goes with it."""

    async def make(self, key: Key, asked: AskedFor) -> None:
        """Return when the key's half in the store is there. Raises: CustomKeyStoreInvalidStateException,
        CloudHsmClusterInvalidConfigurationException."""
        ...

    async def erase(self, key: Key, asked: AskedFor) -> None:
        """Remove the key's half from the store. One that cannot be removed now is told to the operators, and stays: without the half here
        it opens nothing."""
        ...


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key that a store holds: the number of a KMS key, and the key id that stands on it."""

    number: bytes
    key_id: str


class RandomBytes(Protocol):
    """Random bytes of a store's own."""

    async def random(self, row: KeyStoreRow, number_of_bytes: int, asked: AskedFor) -> bytes:
        """Raises: CustomKeyStoreInvalidStateException where the store does not give them."""
        ...


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """What a proxy says of an external key; texts as it wrote them, cut to what may be shown."""

    key_spec: str
    key_usage: tuple[str, ...]
    key_status: str


class ExternalKeys(Protocol):
    """Keys outside that KMS keys are made with."""

    async def look_at(self, key: Key, asked: AskedFor) -> ExternalKey:
        """The external key of a KMS key, as it is now. Raises: KMSInvalidStateException, ThrottlingException, as `KeyCiphers`."""
        ...


@dataclass(frozen=True, slots=True)
class Credential:
    """What a store is opened with: a name that may be shown, and what belongs to it."""

    name: str
    secret: Secret


class KeyStoreConnections(Protocol):
    """Connections to stores of one kind."""

    def require_known(self, store: KeyStoreRow) -> None:
        """Return where the operator has let callers name such a store. Raises: ValidationException that names the field, and what says
        that an endpoint service is not known."""
        ...

    async def try_out(self, store: KeyStoreRow, credential: Credential | None, asked: AskedFor) -> None:
        """Return where the store as it is described can be reached, with the credential that is kept where None is given. Raises: the
        exceptions of CreateCustomKeyStore."""
        ...

    async def connect(self, store: KeyStoreRow, asked: AskedFor) -> str:
        """Reach a store that is to be connected: nothing, or the ConnectionErrorCode of the AWS KMS API. Raises: KmsError where what
        fails is this Region."""
        ...

    def disconnect(self, account: str, store_id: str) -> None:
        """From now on nothing is sent to this store, and what is under way ends."""
        ...


class InnerOpening(Protocol):
    """A ciphertext whose key, header, names and context are right, and which another lock still covers."""

    @property
    def binding(self) -> bytes:
        """The 32 bytes that the other lock is bound to."""
        ...

    def open(self, sealed_bytes: bytes) -> Decrypted:
        """The plaintext, of what the other lock has set free. Raises: InvalidCiphertextException."""
        ...


@dataclass(frozen=True, slots=True)
class InnerSealed:
    """A ciphertext that another lock is still to cover."""

    text: bytes
    """A whole blob, of which the other lock covers what comes after the commitment."""
    binding: bytes
    material_id: str


class InnerSeals(Protocol):
    """The engine's part of what keys in external key stores do."""

    def seal_inner(self, key: Key, encryption_context: bytes, plaintext: bytes) -> InnerSealed:
        """Sealed under the key's own material."""
        ...

    def opening_inner(self, key: Key, encryption_context: bytes, blob: CiphertextBlob) -> InnerOpening:
        """Raises: InvalidCiphertextException where the blob is not the key's, or not for this context."""
        ...


class RequestSigner(Protocol):
    """Signs requests to a proxy, and shows nothing of what it signs with."""

    @property
    def access_key_id(self) -> str: ...

    def sign(self, day: str, region: str, service: str, text: bytes) -> str:
        """The signature of a string to sign, 64 hexadecimal digits; `day` is YYYYMMDD."""
        ...


class StoreCredentials(Protocol):
    """The secrets of key stores, sealed like key material."""

    def seal(self, store_id: str, credential: Credential) -> SecretRow:
        """A new row, bound to the store."""
        ...

    def open(self, row: SecretRow) -> Secret:
        """The secret itself, for a store that cannot be opened otherwise. Raises: KMSInternalException for a row that does not open."""
        ...

    def signer(self, row: SecretRow, access_key_id: str) -> RequestSigner:
        """Raises: KMSInternalException for a row that does not open."""
        ...

    def signer_of(self, credential: Credential) -> RequestSigner:
        """The same for a credential that is not kept yet."""
        ...

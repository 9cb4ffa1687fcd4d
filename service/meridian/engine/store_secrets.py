"""Secrets of custom key stores: sealed like key material, bound to their store, and used here alone.

Source: docs/spec/ciphertext.md §4; AWS General Reference, Signature Version 4 signing process.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from hmac import digest
from typing import Final

from meridian.domain.secret import Secret
from meridian.engine.box import ACCESS
from meridian.engine.keyring import Keyring
from meridian.engine.region_secrets import open_secret, secret_identity
from meridian.engine.seals import SealError
from meridian.ports.clock import Clock
from meridian.ports.crypto.faults import WrappedRowFault
from meridian.ports.entropy import Entropy
from meridian.ports.key_store import Credential
from meridian.ports.store.keyring import SecretRow
from meridian.ports.store.region import RegionIdentity

STORE_CREDENTIAL: Final = "key-store-credential"
SPEC: Final = "SECRET_TEXT"


class StoreSecrets:
    """Implements `ports.key_store.StoreCredentials`."""

    def __init__(self, identity: RegionIdentity, keyring: Keyring, clock: Clock, entropy: Entropy) -> None:
        self._identity = identity
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy

    def seal(self, store_id: str, credential: Credential) -> SecretRow:
        name = sha256(self._entropy.random_bytes(32)).hexdigest()
        row = SecretRow(STORE_CREDENTIAL, store_id, name, SPEC, 1, self._clock.now(), b"")
        return replace(row, sealed_bytes=self._keyring.wrap(secret_identity(self._identity, row), credential.secret.reveal(ACCESS)))

    def open(self, row: SecretRow) -> Secret:
        try:
            return Secret(open_secret(self._identity, self._keyring, row))
        except SealError as fault:
            raise WrappedRowFault(reason=f"the credential of {row.owner} does not open") from fault

    def signer(self, row: SecretRow, access_key_id: str) -> ProxySigner:
        return ProxySigner(access_key_id, self.open(row))

    def signer_of(self, credential: Credential) -> ProxySigner:
        return ProxySigner(credential.name, credential.secret)


class ProxySigner:
    """Implements `ports.key_store.RequestSigner`. The key that a day's requests are signed with is derived once."""

    def __init__(self, access_key_id: str, secret: Secret) -> None:
        self.access_key_id = access_key_id
        self._secret = secret
        self._scope = ("", "", "")
        self._key = Secret(b"")

    def __repr__(self) -> str:
        return f"ProxySigner({self.access_key_id})"

    def sign(self, day: str, region: str, service: str, text: bytes) -> str:
        if self._scope != (day, region, service):
            key = b"AWS4" + self._secret.reveal(ACCESS)
            for part in (day, region, service, "aws4_request"):
                key = digest(key, part.encode(), "sha256")
            self._scope, self._key = (day, region, service), Secret(key)
        return digest(self._key.reveal(ACCESS), text, "sha256").hex()

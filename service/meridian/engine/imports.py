"""Material that comes from outside: wrapping keys given out with a token, and what comes back under them.

Source: docs/spec/ciphertext.md, import; NIST SP 800-56B (RSA-OAEP).
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from meridian.crypto import rsa_wrapping
from meridian.crypto.aead import OpenError
from meridian.domain.encoding import length_prefixed_tuple, read_length_prefixed_tuple, u64
from meridian.domain.key import Key, KeyMaterial
from meridian.domain.secret import Secret
from meridian.engine import materials
from meridian.engine.box import ACCESS, IMPORT_TOKEN, box_name
from meridian.engine.commands import FIRST_ROW_VERSION, SymmetricCommands
from meridian.engine.keyring import Keyring, RowIdentity
from meridian.errors import (
    IncorrectKeyMaterialException,
    InvalidCiphertextException,
    InvalidImportTokenException,
)
from meridian.ports.crypto.faults import WrappedRowFault
from meridian.ports.crypto.imports import CheckRsa, ImportParameters, ImportToken
from meridian.ports.entropy import Entropy

TOKEN_ID_BYTES: Final = 16
KEY_KIND: Final = "import-key"


class ImportCommands:
    """The engine's side of an import."""

    def __init__(self, keyring: Keyring, symmetric: SymmetricCommands, entropy: Entropy) -> None:
        self._keyring = keyring
        self._symmetric = symmetric
        self._entropy = entropy

    def import_parameters(
        self, key: Key, algorithm: str, wrapping_key_spec: str, private_key: Secret, issued_at: datetime, expires_at: datetime
    ) -> ImportParameters:
        private = private_key.reveal(ACCESS)
        public = rsa_wrapping.public_key(private)
        token_id = self._entropy.random_bytes(TOKEN_ID_BYTES)
        sealed = self._keyring.wrap(_row_identity(key, token_id, wrapping_key_spec), private)
        payload = length_prefixed_tuple(
            key.arn, algorithm, wrapping_key_spec, sha256(public).digest(), u64(_ms(issued_at)), u64(_ms(expires_at))
        )
        box = self._keyring.seal(IMPORT_TOKEN, b"", payload, name=token_id)
        return ImportParameters(token_id.hex(), box, public, sealed)

    def open_import_token(self, token: bytes) -> ImportToken:
        try:
            opened = self._keyring.open(IMPORT_TOKEN, b"", token)
            arn, algorithm, spec, _, _, expires = read_length_prefixed_tuple(opened)
        except (OpenError, ValueError) as fault:
            raise InvalidImportTokenException("") from fault
        expires_at = datetime.fromtimestamp(int.from_bytes(expires, "big") / 1000, UTC)
        return ImportToken(box_name(IMPORT_TOKEN, token).hex(), arn.decode(), algorithm.decode(), spec.decode(), expires_at)

    def import_material(
        self, key: Key, token: ImportToken, sealed_private_key: bytes, encrypted: bytes, check_rsa: CheckRsa
    ) -> KeyMaterial:
        identity = _row_identity(key, bytes.fromhex(token.token_id), token.wrapping_key_spec)
        try:
            private = self._keyring.unwrap(identity, sealed_private_key)
        except OpenError as fault:
            raise WrappedRowFault(reason="a wrapping key's row does not open") from fault
        try:
            unwrapped = rsa_wrapping.unwrap(private, token.wrapping_algorithm, encrypted)
            material = materials.from_outside(key.key_spec, unwrapped, check_rsa)
        except ValueError as fault:
            raise InvalidCiphertextException(reason="unwrap") from fault
        if len(set(material)) == 1:
            raise IncorrectKeyMaterialException("Imported key material must not consist of one repeated byte.")
        wrapped = self._symmetric.wrap_material(key, material, key.next_rotation_number)
        known = key.find_material(wrapped.material_id)
        if known is None:
            return wrapped
        return self._symmetric.wrap_material(key, material, known.rotation_number, row_version=known.row_version + 1)


def _row_identity(key: Key, token_id: bytes, wrapping_key_spec: str) -> RowIdentity:
    return RowIdentity(KEY_KIND, key.partition, key.account, key.region, key.key_id, wrapping_key_spec, "", token_id, FIRST_ROW_VERSION)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

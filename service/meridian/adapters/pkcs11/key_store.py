"""Keys whose second lock lies in a hardware token: an AES key that was made there, under the id of the KMS key, and never leaves it.

What is sealed under the key's own material, with everything that binds it, is encrypted once more in the token. So the ciphertext commits
to its key, which AES-GCM alone does not, and a key that is deleted here is dead whatever backups a token has.

Source: docs/spec/ciphertext.md, suite 3; PKCS#11 v2.40.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from meridian.adapters.pkcs11.library import IV_BYTES, TAG_BYTES, TokenSession
from meridian.adapters.pkcs11.links import USE_SECONDS, StoreAt, TokenLinks
from meridian.adapters.pkcs11.outcomes import TABLE, Outcome, TokenFault
from meridian.domain.ciphertext_blob import SEALED_AT, CiphertextBlob, OuterText, with_outer
from meridian.domain.key import Key
from meridian.errors import (
    CloudHsmClusterInvalidConfigurationException,
    CloudHsmClusterNotActiveException,
    CloudHsmClusterNotFoundException,
    CloudHsmClusterNotRelatedException,
    CustomKeyStoreInvalidStateException,
    IncorrectTrustAnchorException,
    InvalidCiphertextException,
    KmsError,
    KMSInvalidStateException,
    ThrottlingException,
)
from meridian.log import structlog
from meridian.ports.crypto.ciphers import Decrypted, Encrypted
from meridian.ports.entropy import Entropy
from meridian.ports.key_store import AskedFor, Credential, InnerSeals
from meridian.ports.store.key_stores import KeyStoreRow

T = TypeVar("T")

MAKE_SECONDS: Final = 5.0
BUSY_SECONDS: Final = 0.1
"""After which a call that found too many waiting may be repeated."""


class TokenKeyStores:
    """Implements `KeyCiphers`, `KeyStoreKeys`, `KeyMaking`, `KeyStoreConnections` and `RandomBytes` of `ports.key_store`."""

    def __init__(self, links: TokenLinks, seals: InnerSeals, entropy: Entropy) -> None:
        self._links = links
        self._seals = seals
        self._entropy = entropy
        self._log = structlog.get_logger("meridian.key_stores")

    # ---- ciphertexts

    async def encrypt(self, key: Key, encryption_context: bytes, plaintext: bytes, asked: AskedFor) -> Encrypted:
        inner = self._seals.seal_inner(key, encryption_context, plaintext)
        iv, text = self._entropy.random_bytes(IV_BYTES), inner.text[SEALED_AT:]
        done = await self._used(key, "encrypt", asked, lambda session: session.encrypt(key.number, iv, inner.binding, text))
        outer = OuterText(iv, done[-TAG_BYTES:], b"", done[:-TAG_BYTES])
        return Encrypted(with_outer(inner.text, outer), inner.material_id)

    async def decrypt(self, key: Key, encryption_context: bytes, blob: CiphertextBlob, asked: AskedFor) -> Decrypted:
        opening = self._seals.opening_inner(key, encryption_context, blob)
        outer = blob.outer
        if outer is None:
            raise InvalidCiphertextException(reason="suite")
        sealed = await self._used(key, "decrypt", asked, lambda session: _opened(session, key.number, outer, opening.binding))
        if sealed is None:
            raise InvalidCiphertextException(reason="token")
        return opening.open(sealed)

    # ---- keys

    async def require_fit(self, key: Key, asked: AskedFor) -> None:
        """The token can make a key. Raises: CloudHsmClusterInvalidConfigurationException, CustomKeyStoreInvalidStateException."""
        await self._for_new_key(key, "mechanism", asked, lambda session: session.require_mechanism())

    async def make(self, key: Key, asked: AskedFor) -> None:
        await self._for_new_key(key, "generate", asked, lambda session: session.generate(key.number, key.key_id))

    async def erase(self, key: Key, asked: AskedFor) -> None:  # noqa: ARG002 - the port tells other kinds for whom
        try:
            await self._links.use(StoreAt.of_key(key), "destroy", lambda session: session.destroy(key.number), MAKE_SECONDS)
        except TokenFault as fault:
            self._log.warning(
                "key left in its token", store=key.custom_key_store_id, key_id=key.key_id, cka_id=key.number.hex(), reason=fault.reason
            )

    async def random(self, row: KeyStoreRow, number_of_bytes: int, asked: AskedFor) -> bytes:
        try:
            return await self._links.use(StoreAt.of_row(row), "random", lambda session: session.random(number_of_bytes), USE_SECONDS)
        except TokenFault as fault:
            self._tell(fault, row.store_id, asked)
            raise CustomKeyStoreInvalidStateException(_text(fault), reason=fault.reason) from fault

    # ---- connections

    def require_known(self, store: KeyStoreRow) -> None:
        """Raises: CloudHsmClusterNotFoundException, IncorrectTrustAnchorException, CloudHsmClusterNotRelatedException."""
        cluster = store.proxy["cloud_hsm_cluster_id"]
        try:
            token = self._links.named(store)
        except TokenFault as fault:
            raise CloudHsmClusterNotFoundException(f"Cluster {cluster} is not known here.", reason="not in key_store_tokens") from fault
        if _bare(store.proxy["trust_anchor_certificate"]) != _bare(token.trust_anchor):
            if store.version > 1 or store.credential_id:
                raise CloudHsmClusterNotRelatedException(f"Cluster {cluster} has another trust anchor certificate.")
            raise IncorrectTrustAnchorException("The trust anchor certificate is not the one of the cluster.")

    async def try_out(self, store: KeyStoreRow, credential: Credential | None, asked: AskedFor) -> None:  # noqa: ARG002 - the PIN is not tried
        """The token is there; the PIN is tried by ConnectCustomKeyStore alone. Raises: as AWS of clusters."""
        try:
            await self._links.require_token(store)
        except TokenFault as fault:
            self._tell(fault, store.store_id, asked)
            kind = OF_CLUSTER.get(fault.outcome, CloudHsmClusterNotActiveException)
            raise kind(_text(fault), reason=fault.reason) from fault

    async def connect(self, store: KeyStoreRow, asked: AskedFor) -> str:  # noqa: ARG002 - the port tells other kinds for whom
        try:
            await self._links.connect(store)
        except TokenFault as fault:
            code = TABLE[fault.outcome].connection
            self._log.warning("key store not connected", store=store.store_id, code=code, reason=fault.reason)
            return code
        return ""

    def disconnect(self, account: str, store_id: str) -> None:
        self._links.disconnect(account, store_id)

    # ---- inside

    async def _used(self, key: Key, request: str, asked: AskedFor, work: Callable[[TokenSession], T]) -> T:
        try:
            return await self._links.use(StoreAt.of_key(key), request, work, USE_SECONDS)
        except TokenFault as fault:
            self._tell(fault, key.custom_key_store_id, asked)
            if fault.outcome is Outcome.BUSY:
                raise ThrottlingException(BUSY_SECONDS, reason=fault.reason) from fault
            raise KMSInvalidStateException(_text(fault), key_arn=key.arn, reason=fault.reason) from fault

    async def _for_new_key(self, key: Key, request: str, asked: AskedFor, work: Callable[[TokenSession], None]) -> None:
        try:
            await self._links.use(StoreAt.of_key(key), request, work, MAKE_SECONDS)
        except TokenFault as fault:
            self._tell(fault, key.custom_key_store_id, asked)
            kind = OF_NEW_KEY.get(fault.outcome, CustomKeyStoreInvalidStateException)
            raise kind(_text(fault), reason=fault.reason) from fault

    def _tell(self, fault: TokenFault, store_id: str, asked: AskedFor) -> None:
        self._log.warning("token", store=store_id, asked_for=asked.operation, request_id=asked.request_id, reason=fault.reason)


OF_CLUSTER: Final[Mapping[Outcome, type[KmsError]]] = {
    Outcome.ABSENT: CloudHsmClusterNotFoundException,
    Outcome.NO_LIBRARY: CloudHsmClusterInvalidConfigurationException,
    Outcome.NO_MECHANISM: CloudHsmClusterInvalidConfigurationException,
}
"""What CreateCustomKeyStore and UpdateCustomKeyStore answer; for others, that the cluster is not active."""
OF_NEW_KEY: Final[Mapping[Outcome, type[KmsError]]] = {
    Outcome.NO_MECHANISM: CloudHsmClusterInvalidConfigurationException,
    Outcome.UNSOUND_KEY: CloudHsmClusterInvalidConfigurationException,
}
"""What CreateKey answers; for others, that the state of the key store does not allow it."""


def _opened(session: TokenSession, key_id: bytes, outer: OuterText, binding: bytes) -> bytes | None:
    """What was sealed; None where the token works and the text is not what it made."""
    try:
        return session.decrypt(key_id, outer.iv, binding, outer.ciphertext + outer.tag)
    except TokenFault as fault:
        if fault.outcome is not Outcome.REFUSED:
            raise
        session.require_there()
        session.require_works(key_id)
        return None


def _text(fault: TokenFault) -> str:
    return f"The token of the key store {TABLE[fault.outcome].text}."


def _bare(certificate: str) -> str:
    return "".join(certificate.split())

"""Dictionaries that may stand for messages of a request. Generated from the contract by `make gen`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Required, TypedDict

from meridian.client import words
from meridian.kms.v1 import types_pb2


class GrantConstraintsFields(TypedDict, total=False):
    """Conditions under which a grant counts."""

    encryption_context_subset: Mapping[str, str]
    """The request's context must hold all these pairs."""
    encryption_context_equals: Mapping[str, str]
    """The request's context must be exactly these pairs."""
    source_arn: str
    """Resource on whose behalf the request must be made."""


class RecipientInfoFields(TypedDict, total=False):
    """An enclave that an answer is meant for."""

    key_encryption_algorithm: words.KeyEncryptionMechanism
    """How the answer is encrypted for the enclave."""
    attestation_document: bytes
    """Signed statement of the enclave."""


class TagFields(TypedDict, total=False):
    """A tag of a key."""

    tag_key: Required[str]
    """Name of the tag."""
    tag_value: Required[str]
    """Value of the tag; may be empty."""


class XksProxyAuthenticationCredentialFields(TypedDict, total=False):
    """Credential for an external key store proxy."""

    access_key_id: Required[str]
    """Access key id of the proxy credential."""
    raw_secret_access_key: Required[str]
    """Secret access key of the proxy credential."""


class EncryptFields(TypedDict, total=False):
    """What Encrypt asks."""

    key_id: Required[str]
    """Key that the call is about; answers carry the key ARN."""
    plaintext: Required[bytes]
    """Bytes in the clear."""
    encryption_context: Mapping[str, str]
    """Pairs that are bound to the ciphertext and must be given again to open it; never secret."""
    grant_tokens: Sequence[str]
    """Tokens of grants that may not have reached every replica yet, at most ten."""
    encryption_algorithm: words.EncryptionAlgorithmSpec
    """Algorithm of the encryption; SYMMETRIC_DEFAULT when absent."""
    dry_run: bool
    """Checks everything and does nothing; the answer is then always an error."""


class DecryptFields(TypedDict, total=False):
    """What Decrypt asks."""

    ciphertext_blob: bytes
    """A ciphertext, with everything needed to find its key."""
    encryption_context: Mapping[str, str]
    """Pairs that are bound to the ciphertext and must be given again to open it; never secret."""
    grant_tokens: Sequence[str]
    """Tokens of grants that may not have reached every replica yet, at most ten."""
    key_id: str
    """Key that the call is about; answers carry the key ARN."""
    encryption_algorithm: words.EncryptionAlgorithmSpec
    """Algorithm of the encryption; SYMMETRIC_DEFAULT when absent."""
    recipient: types_pb2.RecipientInfo | RecipientInfoFields
    """Attestation of the enclave that the answer is meant for; refused by this service."""
    dry_run: bool
    """Checks everything and does nothing; the answer is then always an error."""
    dry_run_modifiers: Sequence[words.DryRunModifierType]
    """What a dry run leaves out."""


class GenerateDataKeyFields(TypedDict, total=False):
    """What GenerateDataKey asks."""

    key_id: Required[str]
    """Key that the call is about; answers carry the key ARN."""
    encryption_context: Mapping[str, str]
    """Pairs that are bound to the ciphertext and must be given again to open it; never secret."""
    number_of_bytes: int
    """Number of bytes to make."""
    key_spec: words.DataKeySpec
    """Kind of the key material."""
    grant_tokens: Sequence[str]
    """Tokens of grants that may not have reached every replica yet, at most ten."""
    recipient: types_pb2.RecipientInfo | RecipientInfoFields
    """Attestation of the enclave that the answer is meant for; refused by this service."""
    dry_run: bool
    """Checks everything and does nothing; the answer is then always an error."""


class ReEncryptFields(TypedDict, total=False):
    """What ReEncrypt asks."""

    ciphertext_blob: bytes
    """A ciphertext, with everything needed to find its key."""
    source_encryption_context: Mapping[str, str]
    """Context that the given ciphertext was made with."""
    source_key_id: str
    """Key of the given ciphertext."""
    destination_key_id: Required[str]
    """Key of the new ciphertext."""
    destination_encryption_context: Mapping[str, str]
    """Context of the new ciphertext."""
    source_encryption_algorithm: words.EncryptionAlgorithmSpec
    """Algorithm of the given ciphertext."""
    destination_encryption_algorithm: words.EncryptionAlgorithmSpec
    """Algorithm of the new ciphertext."""
    grant_tokens: Sequence[str]
    """Tokens of grants that may not have reached every replica yet, at most ten."""
    dry_run: bool
    """Checks everything and does nothing; the answer is then always an error."""
    dry_run_modifiers: Sequence[words.DryRunModifierType]
    """What a dry run leaves out."""

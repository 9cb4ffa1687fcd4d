"""THE table of heavy operations, each at its worst legal input. What else may stop the event loop gets a row here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from google.protobuf.any_pb2 import Any as Packed

from meridian.client import Client
from meridian.kms.v1 import encryption_pb2
from meridian.kms.v1 import types_pb2 as t

POLICY_BYTES = 32_768
APP = "arn:aws:iam::111122223333:service/app"
PERMIT = 'permit (principal, action == KMS::Action::"Encrypt", resource)'
FORBID = 'forbid (principal, action == KMS::Action::"Encrypt", resource)'
TAG = 'context.encryptionContext.hasTag("k{0}") && context.encryptionContext.getTag("k{0}") == "v"'


def filled(unit: Callable[[int], str], most: int = 10_000, separator: str = "\n", room: int = POLICY_BYTES - 200) -> str:
    """As many units as a key policy holds."""
    parts: list[str] = []
    size = 0
    while len(parts) < most:
        part = unit(len(parts))
        size += len(part) + len(separator)
        if size > room:
            break
        parts.append(part)
    return separator.join(parts)


def nested(depth: int) -> str:
    text = "true"
    for number in range(depth):
        text = f'(if principal.hasTag("a{number}") then {text} else principal.hasTag("b{number}"))'
    return text


def alternatives(number: int) -> str:
    return f"{FORBID} when {{ {' || '.join('(' + TAG.format(f'{number}-{each}') + ')' for each in range(60))} }};"


def address(number: int) -> str:
    return f'ip("10.0.{number // 250}.{number % 250}")'


POLICIES = {
    "two hundred policies": filled(lambda n: f'{PERMIT} when {{ context.request.sourceIp.isInRange(ip("10.0.0.{n}/32")) }};', 200),
    "alternatives": filled(alternatives),
    "choices": filled(lambda n: f"{FORBID} when {{ {nested(40)} }};"),
    "a large set": f"{FORBID} when {{ [{filled(str, 6_000, ',')}].contains(-1) }};",
    "addresses": f'{FORBID} when {{ [{filled(address, 6_000, ",")}].contains(ip("::1")) }};',
}
STATEMENT = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
STATEMENTS = [
    {**STATEMENT, "Principal": {"AWS": ["111122223333", *(f"arn:aws:iam::111122223333:user/{each}-{n}" for n in range(60))]}}
    for each in range(7)
]
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": STATEMENTS})


@dataclass
class Stage:
    """Who drives, and what he drives it on."""

    alice: Client
    app: Client
    auditor: Client
    made: dict[str, str] = field(default_factory=dict)

    def key(self, **fields: Any) -> str:
        return str(self.alice.create_key(**fields).key_metadata.key_id)


@dataclass(frozen=True)
class Heavy:
    """One operation: `prepare` is not measured, `drive` is."""

    drive: Callable[[Stage, Any], Any]
    prepare: Callable[[Stage], Any] = lambda stage: stage.key()


def put(text: str) -> Heavy:
    return Heavy(lambda stage, key_id: stage.alice.put_key_policy(key_id=key_id, policy=text, timeout=29))


def first_use(text: str) -> Heavy:
    def prepare(stage: Stage) -> str:
        key_id = stage.key()
        stage.alice.put_key_policy(key_id=key_id, policy=text, timeout=29)
        return key_id

    return Heavy(lambda stage, key_id: stage.app.encrypt(key_id=key_id, plaintext=b"x", timeout=29), prepare)


@cache
def rsa_key(bits: int) -> bytes:
    private = rsa.generate_private_key(65537, bits)
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _import_parameters(stage: Stage) -> Any:
    key_id = stage.key(key_spec=t.KEY_SPEC_RSA_4096, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY, origin=t.ORIGIN_TYPE_EXTERNAL)
    parameters = stage.alice.get_parameters_for_import(
        key_id=key_id,
        wrapping_algorithm=t.ALGORITHM_SPEC_RSA_AES_KEY_WRAP_SHA_256,
        wrapping_key_spec=t.WRAPPING_KEY_SPEC_RSA_2048,
        timeout=29,
    )
    public: Any = serialization.load_der_public_key(parameters.public_key)
    aes = os.urandom(32)
    wrapped = public.encrypt(aes, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    return key_id, parameters.import_token, wrapped + aes_key_wrap_with_padding(aes, rsa_key(4096))


def _import(stage: Stage, prepared: Any) -> None:
    key_id, token, material = prepared
    stage.alice.import_key_material(
        key_id=key_id,
        import_token=token,
        encrypted_key_material=material,
        expiration_model=t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE,
        timeout=29,
    )


def _closed_key(stage: Stage) -> str:
    """A key whose policy alone counts, and of whose many permits none is met: a refusal names those that came closest."""
    key_id = stage.key()
    permits = filled(lambda n: f"{PERMIT} when {{ {TAG.format(n)} }};", 190)
    text = f'permit (principal, action == KMS::Action::"PutKeyPolicy", resource);\n{permits}'
    stage.alice.put_key_policy(key_id=key_id, policy=text, account_delegation=False, timeout=29)
    return key_id


def _ask(stage: Stage, key_id: str) -> None:
    packed = Packed()
    packed.Pack(encryption_pb2.EncryptRequest(key_id=key_id, plaintext=b"x"))
    answer = stage.auditor.check_access(principal=APP, request=packed, timeout=29)
    assert len(answer.decisions[0].closest) == 5


def _many_keys(stage: Stage) -> None:
    """More keys than a page of a listing shows, once."""
    if "many keys" not in stage.made:
        stage.made["many keys"] = "made"
        for _ in range(300):
            stage.key()


def _as_the_accounts(text: str) -> str:
    """As many of the policies of a text as may be tried, as those of an account."""
    made, size = list[str](), 0
    for number, each in enumerate(f"{part};" for part in text.split(";") if part.strip()):
        notes = f'@id("t{number}")\n@layer("account")\n@reason("r")\n'
        own = notes + each.strip().replace("resource)", 'resource in KMS::Account::"111122223333")', 1)
        size += len(own) + 1
        if size > POLICY_BYTES:
            break
        made.append(own)
    assert made, "not one fits"
    return "\n".join(made)


def try_out(text: str) -> Heavy:
    """In a trial of a request and of whatever calls were recorded by then."""
    edited = _as_the_accounts(text)

    def drive(stage: Stage, key_id: str) -> None:
        packed = Packed()
        packed.Pack(encryption_pb2.EncryptRequest(key_id=key_id, plaintext=b"x"))
        answer = stage.auditor.try_policies(principal=APP, request=packed, policies=edited, calls=2000, timeout=29)
        assert answer.HasField("edited"), answer.faults
        assert answer.replayed.calls

    return Heavy(drive)


HEAVY: dict[str, Heavy] = {
    **{f"PutKeyPolicy: {name}": put(text) for name, text in POLICIES.items()},
    "PutKeyPolicy: a document of AWS": put(DOCUMENT),
    **{f"first use: {name}": first_use(text) for name, text in POLICIES.items()},
    "CheckAccess": Heavy(_ask, _closed_key),
    **{f"TryPolicies: {name}": try_out(text) for name, text in POLICIES.items()},
    "DescribeAudit": Heavy(lambda stage, _: stage.auditor.describe_audit(), lambda stage: None),
    "DescribePolicySet": Heavy(lambda stage, _: stage.auditor.describe_policy_set(), lambda stage: None),
    "ImportKeyMaterial of RSA": Heavy(_import, _import_parameters),
    "CreateKey of RSA": Heavy(
        lambda stage, _: stage.key(key_spec=t.KEY_SPEC_RSA_4096, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY, timeout=29), lambda stage: None
    ),
    "GenerateDataKeyPair of RSA": Heavy(
        lambda stage, key_id: stage.app.generate_data_key_pair(key_id=key_id, key_pair_spec=t.DATA_KEY_PAIR_SPEC_RSA_4096, timeout=29)
    ),
    "ListKeys": Heavy(lambda stage, _: stage.alice.list_keys(limit=1_000), _many_keys),
}

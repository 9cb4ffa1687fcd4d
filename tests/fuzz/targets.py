"""THE table of what is fuzzed: every parser that reads foreign bytes before, or while, it is known who sent them.

A target takes any bytes. What it may raise is listed with it; anything else is a finding. The bytes choose among variants by their first
byte, and texts are split at byte 0x1f, so that a fuzzer finds its way.
"""

from __future__ import annotations

import gzip
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_network
from typing import Any

from google.protobuf.message import DecodeError
from tests.cache_memory import cache_memory
from tests.fuzz import envoy_targets
from tests.reported_events import ReportedEvents

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.xks_proxy import messages
from meridian.adapters.xks_proxy.outcomes import ProxyFault
from meridian.audit.shown_parameters import parameters_of
from meridian.authentication.aws_signature import KMS, AwsSignatures, SignedRequest
from meridian.authentication.bearer_token import find_bearer_token
from meridian.authentication.identity_tokens import IdentityTokens
from meridian.authentication.session_keys import SessionKeys
from meridian.authorization.aws_policy.convert import KeyName, convert
from meridian.authorization.aws_policy.identity import Attached, convert_identity
from meridian.authorization.aws_policy.refusal import RefusedDocument, Why
from meridian.authorization.decision.slices import SliceCompiler
from meridian.authorization.language.evaluator import SchemaHandle, format_policies, policies_as_json
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.key_policies import KeyPolicyReader
from meridian.authorization.sets.packaged import schema_text
from meridian.authorization.sets.policy_files import PolicyTexts, understand
from meridian.console.cookies import SealedCookie
from meridian.console.forms import FIELDS_MAX
from meridian.contract.batches import batch_faults, item_rpcs, items_of
from meridian.contract.catalog import Rpc, batch_rpcs, is_map, rpcs
from meridian.contract.cross_field import require_cross_field_rules
from meridian.contract.field_limits import faults_of
from meridian.crypto import ecdsa, hpke, key_pairs, rsa_wrapping, shared_secrets
from meridian.crypto.certificate_uris import certificate_uris
from meridian.crypto.signed_tokens import KeySetFault, read_key_set
from meridian.domain import addresses
from meridian.domain.ciphertext_blob import parse_ciphertext_blob
from meridian.domain.encoding import length_prefixed, u32
from meridian.domain.encryption_context import canonical_encryption_context
from meridian.domain.grant import GRANT_TOKEN, require_principal
from meridian.domain.identifiers import parse_key_reference
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.domain.secret import Secret
from meridian.domain.token_rules import TokenIssuer, TokenMapping
from meridian.domain.xks import API_PATH, Export, ExternalUse, XksCall, place_of
from meridian.engine import region_envelopes
from meridian.engine.engine import CryptoEngine, EngineSurroundings, engine_of
from meridian.engine.keyring import Keyring
from meridian.engine.region_envelopes import HpkeKey, TransportKeys, decode_meta
from meridian.errors import CallerLeft, InvalidImportTokenException, InvalidMarkerException, KmsError
from meridian.peer.v1 import replication_pb2 as peer
from meridian.policy_kit.json_places import json_place
from meridian.ports.principals import AccessKey
from meridian.ports.store.region import RegionIdentity
from meridian.replication.wire.messages import comparison_of, digest_of, links_of, shown_of
from meridian.replication.wire.set_state import decode_set_state
from meridian.transport.aws_json import codec
from meridian.transport.envoy.grpc_frames import FrameFault
from meridian.transport.grpc_evidence import peer_address
from meridian.transport.http1.application import Answer, Exchange, Known
from meridian.transport.http1.faults import RefusedRequest
from meridian.transport.http1.form import read_form
from meridian.transport.http1.head import Peer
from meridian.transport.http1.reader import RequestReader
from meridian.transport.sts import forms
from meridian.transport.xks import messages as xks_messages

SEPARATOR = b"\x1f"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALICE = Principal("User", "111122223333", "alice", "arn:aws:iam::111122223333:user/alice")
KEY = Key(
    "aws", "us-east-1", "111122223333", "1234abcd-12ab-34cd-56ef-1234567890ab", KeySpec.SYMMETRIC_DEFAULT, KeyUsage.ENCRYPT_DECRYPT,
    Origin.AWS_KMS, KeyState.ENABLED, NOW,
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A parser, what it may raise, and bytes to begin with."""

    run: Callable[[bytes], Any]
    may_raise: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]


def texts_of(data: bytes, encoding: str = "utf-8") -> list[str]:
    return [part.decode(encoding, "replace") for part in data.split(SEPARATOR)]


# ---- the AWS wire


class _Known:
    def find_by_access_key(self, access_key_id: str) -> AccessKey:
        return AccessKey(ALICE, "secret", "")


@cache
def _signatures() -> AwsSignatures:
    known: Any = _Known()
    return AwsSignatures(known, SessionKeys(known, _engine()[0].session_tokens), region="us-east-1", service=KMS)


def signed_headers(data: bytes) -> None:
    names = ("authorization", "x-amz-date", "host", "x-amz-target", "x-amz-security-token")
    headers = dict(zip(names, texts_of(data, "latin-1"), strict=False))
    head = RequestHead("POST", "/", (), headers, "127.0.0.1", len(data))
    claim = _signatures().claim_of(head, NOW)
    _signatures().authenticate(SignedRequest(head, claim, data), NOW)


async def _no_answer(_body: bytes, _known: Known) -> Answer:
    raise AssertionError("nothing is answered here")


def http_request(data: bytes) -> None:
    """A connection's bytes, in two pieces."""
    proxied = Peer("10.0.0.1", (ip_network("10.0.0.0/8"),))
    reader = RequestReader(proxied, lambda head: Exchange(True, _no_answer), 1000)
    reader.feed(data[: len(data) // 2])
    reader.feed(data[len(data) // 2 :])


def bearer_token(data: bytes) -> None:
    find_bearer_token({"authorization": data.decode("latin-1")})


@cache
def _operations() -> tuple[Rpc, ...]:
    return tuple(rpc for _, rpc in sorted(rpcs().items()))


def _chosen(data: bytes) -> tuple[Rpc, bytes]:
    """The operation that stands before the first separator, or that the first byte counts to; and the rest."""
    name, found, body = data.partition(SEPARATOR)
    named = rpcs().get(name.decode("latin-1")) if found else None
    if named is not None:
        return named, body
    return _operations()[(data[0] if data else 0) % len(_operations())], data[1:]


def _checked(rpc: Rpc, message: Any) -> None:
    """What happens to every request once it can be read."""
    parameters_of(message)
    if faults_of(message):
        return
    for field in message.DESCRIPTOR.fields:
        if is_map(field):
            canonical_encryption_context(dict(getattr(message, field.name)))
    require_cross_field_rules(rpc.name, message)


def json_body(data: bytes) -> None:
    rpc, body = _chosen(data)
    message = codec.read(body, rpc.request_class)
    codec.write(message)
    _checked(rpc, message)


def protobuf_body(data: bytes) -> None:
    rpc, body = _chosen(data)
    message: Any = rpc.request_class.FromString(body)
    _checked(rpc, message)


def batch_body(data: bytes) -> None:
    batch = tuple(batch_rpcs().values())[(data[0] if data else 0) % len(batch_rpcs())]
    message = batch.request_class.FromString(data[1:])
    if not batch_faults(batch, message):
        for item in items_of(message):
            _checked(item_rpcs()[batch.name], item)


# ---- names


def key_reference(data: bytes) -> None:
    text = data[1:].decode(errors="replace")
    parse_key_reference(text, alias_allowed=bool(data[:1] and data[0] % 2))


def principal(data: bytes) -> None:
    require_principal(data.decode(errors="replace"))


def address(data: bytes) -> None:
    text = data.decode("latin-1")
    addresses.plain_address(text)
    addresses.network_of(text)
    peer_address(text)


def certificate(data: bytes) -> None:
    certificate_uris(data)


class _Keys:
    """Stands for principals and for key sets: one issuer, none of whose keys has signed what comes."""

    def __init__(self) -> None:
        issuer = TokenIssuer("https://i", frozenset({"a"}), ("ES256",), 3600, pod_bound=True)
        self.mapping = TokenMapping({issuer.issuer: issuer}, (), {})

    def find(self, issuer: str, kid: str, algorithm: str) -> Any:
        return self

    def payload_of(self, token: str, algorithm: str) -> bytes:
        return b64decode(token.split(".")[1] + "==", altchars=b"-_")


def identity_token(data: bytes) -> None:
    """A bearer token whose signature holds, whatever is in it."""
    place: Any = _Keys()
    IdentityTokens(place, place, place).authenticate(data.decode("latin-1"), NOW)


def key_set(data: bytes) -> None:
    read_key_set(data)


def sts_form(data: bytes) -> None:
    forms.assume_role_request(forms.read_request(data))


def console_form(data: bytes) -> None:
    read_form(data, FIELDS_MAX)


def console_cookie(data: bytes) -> None:
    head = RequestHead("GET", "/", (), {"cookie": data.decode("latin-1")}, "127.0.0.1", 0)
    SealedCookie(_engine()[0].kept_by_browsers, "session", is_secure=True).read(head)


def session_token(data: bytes) -> None:
    _engine()[0].session_tokens.open_session("ASIAEXAMPLE", data.decode("latin-1"))


# ---- sealed bytes


def ciphertext(data: bytes) -> None:
    parse_ciphertext_blob(data)


def proxy_answer(data: bytes) -> None:
    """An answer of a proxy of an external key store, to whichever question."""
    readers: list[Callable[[bytes], object]] = [
        messages.require_health, messages.read_key, lambda body: messages.read_encrypted(body, 3, bytes(32)),
        lambda body: messages.read_decrypted(body, 3), messages.read_fault,
    ]  # fmt: skip
    readers[data[0] % len(readers) if data else 0](data[1:])


def xks_path(data: bytes) -> None:
    """The path of a request of another KMS. What is taken has one spelling."""
    text = data.decode("latin-1")
    place = place_of(text)
    if place is not None:
        subject = f"keys/{place.export_id}/{place.call}" if place.export_id else place.call
        assert text == f"{place.prefix}{API_PATH}/{subject}"


def xks_request(data: bytes) -> None:
    """The body of a request of another KMS, to whichever call."""
    calls = list(XksCall)
    call = calls[data[0] % len(calls) if data else 0]
    export = None if call is XksCall.HEALTH else Export("key", "/store", "111122223333", KEY.key_id, tuple(ExternalUse), NOW)
    message = xks_messages.read_request(call, data[1:], xks_messages.Target("/store", "" if export is None else "key", export))
    parameters_of(message)


def encryption_context(data: bytes) -> None:
    parts = [part.decode(errors="surrogateescape") for part in data.split(SEPARATOR)]
    canonical_encryption_context(dict(zip(parts[::2], parts[1::2], strict=False)))


@cache
def _engine() -> tuple[CryptoEngine, bytes, bytes]:
    """An engine with the two halves of its signing key."""
    private, public = ecdsa.new_signing_key()
    hpke_private, hpke_public = hpke.new_key_pair()
    keys = TransportKeys(ecdsa.load_signing_key(private), public, (HpkeKey(Secret(hpke_private), hpke_public, NOW),))
    identity = RegionIdentity("d", "aws", "us-east-1", 0, NOW)
    events = ReportedEvents()
    ring = Keyring({1: Secret(bytes(32))}, 1, OsEntropy(), events)
    return (
        engine_of(identity, ring, (), keys, Secret(bytes(32)), EngineSurroundings(SystemClock(), OsEntropy(), events, cache_memory())),
        private,
        public,
    )


def token(data: bytes) -> None:
    engine, _, _ = _engine()
    text = data[1:].decode("latin-1")
    choice = data[0] % 3 if data else 0
    if choice == 0:
        engine.imports.open_import_token(data[1:])
    else:
        engine.page_markers.open_page_marker(GRANT_TOKEN if choice == 1 else "ListKeys", text)


# ---- what comes to be imported


@cache
def _wrapping_key() -> bytes:
    return rsa_wrapping.new_private_key(2048)


def wrapped_material(data: bytes) -> None:
    algorithms = (*rsa_wrapping.OAEP, *rsa_wrapping.KEY_WRAP)
    rsa_wrapping.unwrap(_wrapping_key(), algorithms[data[0] % len(algorithms) if data else 0], data[1:])


def private_key(data: bytes) -> None:
    specs = sorted(key_pairs.TABLE)
    key_pairs.stored_from_outside(specs[data[0] % len(specs) if data else 0], data[1:])


@cache
def _agreeing_key() -> Any:
    return key_pairs.load("ECC_NIST_P256", key_pairs.new_private_key("ECC_NIST_P256"))


def peer_public_key(data: bytes) -> None:
    shared_secrets.derive(_agreeing_key(), data)


# ---- other Regions; whoever signs may still send anything


def set_state(data: bytes) -> None:
    decode_set_state(data)


def envelope_meta(data: bytes) -> None:
    decode_meta(data)


def _signed(magic: bytes, label: bytes, body: bytes) -> bytes:
    start = magic + u32(len(body)) + body
    return start + length_prefixed(ecdsa.sign(ecdsa.load_signing_key(_engine()[1]), label + start))


def transport_offer(data: bytes) -> None:
    engine, _, public = _engine()
    engine.envelopes.verify_transport_offer(_signed(region_envelopes.OFFER_MAGIC, region_envelopes.OFFER_SIGNATURE, data), public)


def signed_bytes(data: bytes) -> None:
    engine, _, public = _engine()
    choice = data[0] % 3 if data else 0
    if choice == 0:
        engine.envelopes.verify_set_state(data[1:], public)
    elif choice == 1:
        engine.envelopes.verify_transport_offer(data[1:], public)
    else:
        engine.envelopes.read_envelope_meta(data[1:], public)


def peer_question(data: bytes) -> None:
    choice = data[0] % 4 if data else 0
    body = data[1:]
    if choice == 0:
        digest_of(peer.SetDigest.FromString(body))
    elif choice == 1:
        comparison_of(peer.SetComparison.FromString(body))
    elif choice == 2:
        shown_of(peer.GetSetResponse.FromString(body))
    else:
        links_of([peer.TermLink.FromString(body)])


# ---- policies


@cache
def _reader() -> tuple[KeyPolicyReader, SchemaModel]:
    schema = SchemaHandle(schema_text())
    model = SchemaModel(schema.text)
    return KeyPolicyReader(schema, model, Limits(), policies_as_json), model


def cedar_policy(data: bytes) -> None:
    """What is accepted can be decided."""
    reader, model = _reader()
    held = replace(KEY, policy=data.decode(errors="replace"))
    reader.require_valid(held)
    policies = [policy for policy in reader.read(held) if policy.est["action"]["op"] == "All"]
    SliceCompiler(model, cache_memory()).make("Encrypt", policies, "111122223333")


ATTACHED = Attached("aws", "111122223333", "User", "ann")


def aws_policy(data: bytes) -> None:
    """What is converted can be stored."""
    reader, model = _reader()
    name = KeyName(KEY.partition, KEY.region, KEY.account, KEY.key_id)
    made = convert(
        data.decode(errors="replace"), key=name, model=model, services={"s3.amazonaws.com": "111122223333/s3"}, lay_out=format_policies
    )
    reader.require_valid(replace(KEY, policy=made.cedar))


def identity_policy(data: bytes) -> None:
    """What is converted is a set of policies that is taken, and what is refused has its place."""
    text = data.decode(errors="replace")
    try:
        made = convert_identity(text, attached=ATTACHED, model=_reader()[1], services={}, lay_out=format_policies)
    except RefusedDocument as refusal:
        if refusal.reason is not Why.NO_JSON:
            json_place(text, refusal.element)
        raise
    if made.cedar:
        understand(PolicyTexts((("p.cedar", made.cedar),), ""), SchemaHandle(schema_text()))


def _identity(resource: str, condition: str = "{}") -> bytes:
    return (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:*","kms:Encrypt"],'
        f'"Resource":{resource},"Condition":{condition}}},{{"Effect":"Deny","Action":"kms:De*","NotResource":{resource}}}]}}'
    ).encode()


def _document(condition: str) -> bytes:
    return (
        '{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/a"},'
        '"Action":["kms:Encrypt","kms:ReEncrypt*"],"Resource":"*","Condition":{' + condition + "}}]}"
    ).encode()


AUTHORIZATION = (
    b"AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/kms/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature="
)
HEAD = "permit (principal, action, resource) when { "

TARGETS: dict[str, Target] = {
    "signed_headers": Target(
        signed_headers,
        (KmsError,),
        (AUTHORIZATION + b"a" * 64 + b"\x1f20260101T000000Z\x1flocalhost\x1fTrentService.Encrypt", AUTHORIZATION + b"\xe9"),
    ),
    "bearer_token": Target(bearer_token, (KmsError,), (b"Bearer abc",)),
    "json_body": Target(
        json_body,
        (KmsError,),
        (
            b'Encrypt\x1f{"KeyId":"alias/a","Plaintext":"YQ==","EncryptionContext":{"a":"b"},"GrantTokens":["x"],"DryRun":true}',
            b'ImportKeyMaterial\x1f{"KeyId":"k","ValidTo":1e18,"ImportToken":"YQ==","EncryptedKeyMaterial":"YQ=="}',
            b'CreateKey\x1f{"Tags":[{"TagKey":"a","TagValue":"b"}],"KeySpec":"SYMMETRIC_DEFAULT","Policy":"{}"}',
        ),
    ),
    "http_request": Target(
        http_request,
        (RefusedRequest,),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nX-Amz-Target: T\r\nX-Forwarded-For: 192.0.2.1\r\nContent-Length: 2\r\n\r\n{}",
            b"GET /?a=b&c=%zz HTTP/1.0\r\n\r\n",
        ),
    ),
    "envoy_arrival": Target(
        envoy_targets.arrival,
        (FrameFault,),
        (
            b"/meridian.kms.v1.KeysService/Encrypt\x1fgrpc-timeout\x1f5S\x1fgrpc-encoding\x1fgzip\x1fauthorization\x1fBearer a",
            b'/\x1f\x1fHash=' + b"a" * 64 + b';Cert="-----BEGIN%20CERTIFICATE-----%0AMIIB%0A-----END%20CERTIFICATE-----%0A"',
        ),
    ),
    "envoy_message": Target(
        envoy_targets.unary_message,
        (FrameFault, CallerLeft),
        (b"\x00\x00\x00\x00\x00\x02\x08\x08", b"\x01\x01\x00\x00\x00\x18" + gzip.compress(b"\x08\x08", mtime=0), b"\x80\x00\x00"),
    ),
    "health_question": Target(
        envoy_targets.health_question,
        (),
        (b"\x00\x00\x00\x00\x00\x03\x0a\x01x", b"\x00\x00\x00\x00\x00\x1d\x0a\x1bmeridian.kms.v1.KeysService", b"\x03\x01"),
    ),
    "reflection_questions": Target(
        envoy_targets.reflection_questions,
        (),
        (b"\x00" + b"\x00\x00\x00\x00\x02\x3a\x00" * 2, b"\x00\x00\x00\x00\x00\x03\x22\x01x", b"\x00\x00\x00\x00\x00\x05\x2a\x03\x0a\x01x"),
    ),
    "traceparent": Target(
        envoy_targets.traceparent, (), (b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"01-" + b"0" * 32 + b"-" + b"1" * 16 + b"-00-x")
    ),
    "protobuf_body": Target(
        protobuf_body,
        (KmsError, DecodeError),
        (b"Encrypt\x1f\x0a\x07alias/a\x1a\x04\x0a\x00\x12\x00", b"CreateGrant\x1f\x0a\x01k"),
    ),
    "batch_body": Target(
        batch_body,
        (KmsError, DecodeError),
        (b"\x00\x0a\x11\x0a\x07alias/a\x1a\x06\x0a\x01a\x12\x01b", b"\x01\x0a\x05\x0a\x03abc" * 3),
    ),
    "key_reference": Target(
        key_reference,
        (KmsError,),
        (b"\x01arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", b"\x00mrk-1234"),
    ),
    "principal": Target(principal, (KmsError,), (b"arn:aws:iam::111122223333:user/a",)),
    "address": Target(address, (), (b"::ffff:10.0.0.1", b"ipv6:%5B::1%5D:443", b"ipv4:127.0.0.1:5", b"unix:/a")),
    "certificate": Target(certificate, (ValueError,), (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",)),
    "identity_token": Target(
        identity_token,
        (KmsError,),
        (
            b"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwczovL2kiLCJzdWIiOiJzIiwiYXVkIjoiYSIsImlhdCI6MTc2NzIyNTYwMCwiZXhwIjoxNzY3MjI1"
            b"NzAwfQ.AAAA",
        ),
    ),
    "sts_form": Target(
        sts_form,
        (KmsError,),
        (
            b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws&RoleSessionName=a&WebIdentityToken=a.b.c&DurationSeconds=900",
            b"Action=GetCallerIdentity&PolicyArns.member.1.arn=x&Policy=%7B%7D",
        ),
    ),
    "console_form": Target(console_form, (KmsError,), (b"form=TUMBAQ%3D%3D&typed=1234abcd&days=30",)),
    "console_cookie": Target(
        console_cookie, (), (b"__Host-meridian-session-1=TUMBAQAAAAE" + b"A" * 180 + b"; __Host-meridian-session-2=AAAA",)
    ),
    "session_token": Target(session_token, (ValueError,), (b"TUEBAQAAAAE" + b"A" * 180,)),
    "key_set": Target(
        key_set,
        (KeySetFault,),
        (
            b'{"keys":[{"kty":"RSA","kid":"k","e":"AQAB","n":"AQAB"}]}',
            b'{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"AA","y":"AA"}]}',
            b'{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","use":"sig"}]}',
        ),
    ),
    "ciphertext": Target(ciphertext, (KmsError,), (b"MK\x01" + bytes(200),)),
    "proxy_answer": Target(
        proxy_answer,
        (ProxyFault,),
        (
            b'\x00{"xksProxyFleetSize":1,"xksProxyVendor":"","xksProxyModel":"","ekmVendor":"","ekmFleetDetails":[{"id":"","model":""}]}',
            b'\x01{"keySpec":"AES_256","keyUsage":["ENCRYPT"],"keyStatus":"ENABLED"}',
            b'\x02{"ciphertext":"AAAA","initializationVector":"","authenticationTag":"","ciphertextDataIntegrityValue":""}',
            b'\x03{"plaintext":"AAAA"}',
            b'\x04{"errorName":"InternalException","errorMessage":"x"}',
        ),
    ),
    "xks_path": Target(xks_path, (), (b"/kms/xks/v1/health", b"/a/b/kms/xks/v1/keys/key-0001/metadata", b"/kms/xks/v1/keys/a/encrypt")),
    "xks_request": Target(
        xks_request,
        (KmsError,),
        (
            b'\x00{"requestMetadata":{"kmsRequestId":"r","kmsOperation":"KmsHealthCheck"}}',
            b'\x01{"requestMetadata":{"kmsRequestId":"r","kmsOperation":"CreateKey","awsPrincipalArn":"a"}}',
            b'\x02{"requestMetadata":{"kmsRequestId":"r","kmsOperation":"Encrypt","awsPrincipalArn":"a","kmsKeyArn":"k"},"plaintext":"AAAA",'
            b'"encryptionAlgorithm":"AES_GCM","additionalAuthenticatedData":"AA==","ciphertextDataIntegrityValueAlgorithm":"SHA_256"}',
            b'\x03{"requestMetadata":{"kmsRequestId":"r","kmsOperation":"Decrypt","awsPrincipalArn":"a","kmsKeyArn":"k"},"ciphertext":"AAAA",'
            b'"encryptionAlgorithm":"AES_GCM","initializationVector":"AAAAAAAAAAAAAAAA","authenticationTag":"AAAAAAAAAAAAAAAAAAAAAA=="}',
        ),
    ),
    "encryption_context": Target(encryption_context, (KmsError,), (b"a\x1fb\x1fc\x1fd", b"\xed\xa0\x80\x1fb")),
    "token": Target(token, (InvalidImportTokenException, InvalidMarkerException), (b"\x00MI\x01" + bytes(60), b"\x01QUJD", b"\x02QUJD")),
    "wrapped_material": Target(wrapped_material, (ValueError,), (b"\x00" + bytes(256), b"\x02" + bytes(296))),
    "private_key": Target(private_key, (ValueError,), (b"\x00\x30\x82\x01\x00",)),
    "peer_public_key": Target(peer_public_key, (ValueError,), (b"\x30\x59\x30\x13\x06\x07",)),
    "set_state": Target(set_state, (ValueError,), (b"\x0a\x01d\x12\x03aws",)),
    "envelope_meta": Target(envelope_meta, (ValueError,), (b"\x0d" + b"\x00\x08aaaaaaaa" * 13,)),
    "transport_offer": Target(
        transport_offer, (ValueError,), (b"\x04\x00\x01r\x00\x01\x01\x00\x61" + b"\x04" * 97 + b"\x00\x09" + b"\xff" * 9,)
    ),
    "signed_bytes": Target(signed_bytes, (ValueError,), (b"\x00MS\x01\x00\x00\x00\x01a\x00\x01b", b"\x02MX\x01\x01\x00\x00\x00\x00")),
    "peer_question": Target(peer_question, (ValueError, DecodeError), (b"\x00\x0a\x00", b"\x01\x0a\x00", b"\x02\x08\x05", b"\x03\x08\x01")),
    "cedar_policy": Target(
        cedar_policy,
        (KmsError,),
        (
            (HEAD + 'context.request.sourceIp.isInRange(ip("10.0.0.0/8")) };').encode(),
            (HEAD + 'if principal.hasTag("a") then principal.getTag("a") like "*b" else [1, 2].contains(1) };').encode(),
        ),
    ),
    "identity_policy": Target(
        identity_policy,
        (RefusedDocument,),
        (
            _identity('"*"'),
            _identity('["arn:aws:kms:*:111122223333:key/*","arn:aws:kms:us-east-1:444455556666:alias/a*"]'),
            _identity('"*"', '{"StringEquals":{"aws:ResourceTag/a":"b"},"Bool":{"kms:MultiRegion":"true"}}'),
        ),
    ),
    "aws_policy": Target(
        aws_policy,
        (RefusedDocument, KmsError),
        (
            _document('"StringEquals":{"kms:EncryptionContext:a":"b"}'),
            _document('"StringLike":{"kms:EncryptionContext:\\u00e9":"b*"}'),
            _document('"Bool":{"aws:SecureTransport":"true"},"NumericLessThan":{"kms:RotationPeriodInDays":"90"}'),
            _document('"IpAddress":{"aws:SourceIp":["10.0.0.0/8"]},"DateLessThan":{"aws:CurrentTime":"2027-01-01T00:00:00Z"}'),
            _document('"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":["a"]},"Null":{"kms:ViaService":"true"}'),
        ),
    ),
}  # fmt: skip

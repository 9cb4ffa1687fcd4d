"""Signature Version 4, with botocore as the other side: what it signs verifies, and every change of one byte fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import unquote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from meridian.authentication.aws_signature import KMS, AwsSignatures, Claim, SignedRequest
from meridian.authentication.session_keys import SessionKeys
from meridian.domain.principal import Principal
from meridian.domain.request_head import RequestHead
from meridian.domain.token_rules import NO_TOKENS, TokenMapping
from meridian.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    KmsError,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from meridian.ports.principals import AccessKey

REGION, KEY_ID, SECRET, TOKEN = "us-east-1", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session token"
UNREAD = Claim("", "", "", "", (), "", "")
WHO = Principal("User", "111122223333", "alice", "arn:aws:iam::111122223333:user/alice")


class OnePrincipal:
    def __init__(self, token: str = "") -> None:
        self.key = AccessKey(WHO, SECRET, sha256(token.encode()).hexdigest() if token else "")

    @property
    def mapping(self) -> TokenMapping:
        return NO_TOKENS

    def find_by_access_key(self, access_key_id: str) -> AccessKey | None:
        return self.key if access_key_id == KEY_ID else None

    def is_denied(self, spiffe_id: str) -> bool:
        return False

    def find_by_spiffe_id(self, spiffe_id: str) -> None: ...
    def find_by_arn(self, arn: str) -> None: ...
    def find_by_token_hash(self, token_sha256: str) -> None: ...
    def find_by_subject(self, method: str, subject: str) -> None: ...


class NoSessions(SessionKeys):
    def __init__(self) -> None:
        pass

    def find(self, access_key_id: str, token: str, now: datetime) -> None: ...


def request_of(headers: dict[str, str], body: bytes, *, method: str = "POST", path: str = "/", query: str = "") -> SignedRequest:
    """A request as it arrives; its claim is not read yet."""
    pairs = tuple((unquote(name), unquote(value)) for name, _, value in (part.partition("=") for part in query.split("&") if part))
    return SignedRequest(RequestHead(method, path, pairs, headers, "127.0.0.1", len(body)), UNREAD, body)


def signed(
    body: bytes = b'{"KeyId": "x"}', *, token: str = "", secret: str = SECRET, region: str = REGION, service: str = "kms", query: str = ""
) -> SignedRequest:
    headers = {"Host": "127.0.0.1:1234", "X-Amz-Target": "TrentService.DescribeKey", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", f"http://127.0.0.1:1234/{query}", headers=headers, data=body)
    SigV4Auth(Credentials(KEY_ID, secret, token or None), service, region).add_auth(request)
    return request_of({name.lower(): value for name, value in request.headers.items()}, body, query=query.lstrip("?"))


def verify(request: SignedRequest, *, now: datetime | None = None, token: str = "") -> Principal:
    signatures = AwsSignatures(OnePrincipal(token), NoSessions(), region=REGION, service=KMS)
    at = now or datetime.now(UTC)
    return signatures.authenticate(replace(request, claim=signatures.claim_of(request.head, at)), at)


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    headers = {n: v for n, v in request.head.headers.items() if n != name} | ({name: value} if value is not None else {})
    return replace(request, head=replace(request.head, headers=headers))


def test_what_botocore_signs_verifies() -> None:
    for request in (signed(), signed(b""), signed(bytes(range(256))), signed(query="?a=1&b=two%20words")):
        assert verify(request) is WHO
    assert verify(signed(token=TOKEN), token=TOKEN) is WHO


def test_every_changed_byte_fails() -> None:
    request = signed()
    changed = []
    for at in range(len(request.body)):
        other = bytearray(request.body)
        other[at] ^= 1
        changed.append(replace(request, body=bytes(other)))
    for name in ("host", "x-amz-target", "content-type", "x-amz-date", "authorization"):
        value = request.head.headers[name]
        # White space between the parts of the header means nothing.
        flipped = [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in range(len(value)) if value[at] not in ", "]
        changed += [with_header(request, name, other) for other in flipped]
    headers = dict(request.head.headers)
    changed.append(request_of(headers, request.body, method="GET"))
    changed.append(request_of(headers, request.body, path="/x"))
    changed.append(request_of(headers, request.body, query="a=1"))
    for each in changed:
        with pytest.raises(KmsError):
            verify(each)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: signed(secret="other"), InvalidSignatureException),
        (lambda: signed(region="eu-west-1"), InvalidSignatureException),
        (lambda: signed(service="sts"), InvalidSignatureException),
        (lambda: signed(token="unknown token"), UnrecognizedClientException),
        (lambda: with_header(signed(), "authorization", None), MissingAuthenticationTokenException),
        (lambda: with_header(signed(), "x-amz-date", None), IncompleteSignatureException),
        (lambda: with_header(signed(), "authorization", "AWS4-ECDSA-P256-SHA256 Credential=a"), IncompleteSignatureException),
        (lambda: with_header(signed(), "authorization", "AWS4-HMAC-SHA256 Credential=a"), IncompleteSignatureException),
        (lambda: with_header(signed(), "authorization", "AWS4-HMAC-SHA256 nothing"), IncompleteSignatureException),
        (lambda: with_header(signed(), "x-amz-security-token", "added"), InvalidSignatureException),
    ],
)
def test_what_is_badly_signed_is_refused(make: Callable[[], SignedRequest], fault: type[Exception]) -> None:
    with pytest.raises(fault):
        verify(make())


def test_a_session_token_is_needed_where_the_key_has_one() -> None:
    with pytest.raises(UnrecognizedClientException):
        verify(signed(), token=TOKEN)
    with pytest.raises(UnrecognizedClientException):
        verify(signed(token="other"), token=TOKEN)


def test_five_minutes_either_way() -> None:
    request, now = signed(), datetime.now(UTC)
    for minutes in (-4.9, 4.9):
        assert verify(request, now=now + timedelta(minutes=minutes)) is WHO
    with pytest.raises(InvalidSignatureException, match=r"Signature expired: .* is now earlier than .* - 5 min"):
        verify(request, now=now + timedelta(minutes=5.1))
    with pytest.raises(InvalidSignatureException, match=r"Signature not yet current: .* is still later than"):
        verify(request, now=now - timedelta(minutes=5.1))


def test_a_header_that_matters_must_be_signed() -> None:
    request = signed()
    header = request.head.headers["authorization"].replace("host;", "").replace("x-amz-date;", "")
    with pytest.raises(InvalidSignatureException):
        verify(with_header(request, "authorization", header))


@pytest.mark.parametrize("signature", ["é" * 64, "\xff", "a" * 64, "A" * 10_000])
def test_a_signature_of_any_characters_is_refused(signature: str) -> None:
    request = signed()
    header = request.head.headers["authorization"].partition("Signature=")[0] + f"Signature={signature}"
    with pytest.raises(InvalidSignatureException):
        verify(with_header(request, "authorization", header))


def test_each_part_of_the_header_comes_once() -> None:
    request = signed()
    algorithm, _, parts = request.head.headers["authorization"].partition(" ")
    for part in parts.split(", "):
        for repeated in (f"{algorithm} {part}, {parts}", f"{algorithm} {parts}, {part}"):
            with pytest.raises(IncompleteSignatureException, match="more than once"):
                verify(with_header(request, "authorization", repeated))


def test_white_space_beyond_ascii_is_not_signed_as_a_space() -> None:
    request = signed()
    assert verify(with_header(request, "content-type", " application/x-amz-json-1.1  ")) is WHO
    for header in ("host", "x-amz-target", "content-type"):
        with pytest.raises(InvalidSignatureException):
            verify(with_header(request, header, request.head.headers[header] + "\xa0"))


def test_what_the_headers_alone_can_refuse_needs_no_body() -> None:
    signatures, now = AwsSignatures(OnePrincipal(), NoSessions(), region=REGION, service=KMS), datetime.now(UTC)
    for badly_signed in (signed(region="eu-west-1"), signed(service="sts"), with_header(signed(), "host", None)):
        with pytest.raises(InvalidSignatureException):
            signatures.claim_of(badly_signed.head, now)
    with pytest.raises(UnrecognizedClientException):
        signatures.claim_of(
            with_header(signed(), "authorization", signed().head.headers["authorization"].replace(KEY_ID, "AKIDOTHER")).head, now
        )
    assert signatures.claim_of(signed(secret="other").head, now).access_key_id == KEY_ID


def test_a_client_token_that_is_sent_must_be_signed() -> None:
    with pytest.raises(InvalidSignatureException) as refused:
        verify(with_header(signed(), "x-meridian-client-token", "t"))
    assert refused.value.reason == "a header that must be signed is not"

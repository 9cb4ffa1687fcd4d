"""Who is not the other KMS gets nothing from the XKS proxy API and costs next to nothing; and who is, gets no more than its key store."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from tests.adversary.test_anonymous_requests import cpu_seconds
from tests.deployment import HOME, Deployment
from tests.xks import API, OtherKms, allow, export, serve_xks

pytestmark = pytest.mark.timeout(240)

PREFIX = "/tenant/one"
UNSIGNED, NO_KEY, NO_PATH = (401, "AuthenticationFailedException"), (404, "KeyNotFoundException"), (404, "InvalidUriPathException")
BODY = json.dumps({"requestMetadata": {"kmsRequestId": "r", "kmsOperation": "KmsHealthCheck"}}).encode()
HEALTH = f"{PREFIX}{API}/health"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, OtherKms, OtherKms]]:
    """A Region with two key stores, and the other KMS of each."""
    free = "limits.failed_authentications_per_minute = 0\n"
    deployment = Deployment(tmp_path_factory.mktemp("strangers"), [HOME], settings_added=free).prepare()
    try:
        port = serve_xks(deployment)
        allow(deployment)
        deployment.start()
        with deployment.client() as alice:
            arn = alice.create_key().key_metadata.arn
        first = export(deployment, port, arn, PREFIX, "one", "encrypt", "decrypt")
        second = export(deployment, port, arn, "/tenant/two", "two", "encrypt", "decrypt")
        assert first is not None
        assert second is not None
        deployment.wait_until(lambda: second.health().status == 200)
        yield deployment, first, second
    finally:
        deployment.stop_all()


def test_a_credential_opens_no_other_key_store(served: tuple[Deployment, OtherKms, OtherKms]) -> None:
    _, first, second = served
    assert first.with_(prefix=second.prefix).health().error == UNSIGNED
    assert first.metadata("two").error == NO_KEY, "another key store's export is told as one that is not there"
    assert first.metadata("two").body == first.metadata("nobody").body
    made = first.encrypt("one", b"x").document
    assert second.decrypt("two", made).error == (400, "InvalidCiphertextException")


def _at(kms: OtherKms, moment: datetime) -> dict[str, str]:
    with patch("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: moment.replace(tzinfo=None)):
        return kms.signed(HEALTH, BODY)


@pytest.mark.parametrize("minutes", [-5.5, 5.5, -24 * 60])
def test_a_capture_is_of_no_use_outside_the_window(served: tuple[Deployment, OtherKms, OtherKms], minutes: float) -> None:
    _, kms, _ = served
    headers = _at(kms, datetime.now(UTC) + timedelta(minutes=minutes))
    assert kms.send(HEALTH, BODY, headers).error == UNSIGNED
    inside = _at(kms, datetime.now(UTC) + timedelta(minutes=minutes / abs(minutes) * 4))
    assert kms.send(HEALTH, BODY, inside).status == 200


def test_a_signature_is_for_one_request(served: tuple[Deployment, OtherKms, OtherKms]) -> None:
    _, kms, _ = served
    good = kms.signed(HEALTH, BODY)
    assert kms.send(HEALTH, BODY, good).status == 200
    assert kms.send(HEALTH, BODY + b" ", good).error == UNSIGNED
    assert kms.send(f"{PREFIX}{API}/keys/one/metadata", BODY, good).error == UNSIGNED
    assert kms.send(HEALTH, BODY, {**good, "Host": "elsewhere.example.com"}).error == UNSIGNED
    authorization = good["Authorization"]
    for wrong in (
        "",
        "AWS4-HMAC-SHA256",
        authorization.replace("aws4_request", "aws5_request"),
        authorization.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        authorization.replace("host;", ""),
        authorization.replace(";x-amz-date", ""),
        authorization[:-1] + ("0" if authorization[-1] != "0" else "1"),
        authorization[:-64],
        authorization.replace(kms.access_key_id, f"{kms.access_key_id}A"),
    ):
        assert kms.send(HEALTH, BODY, {**good, "Authorization": wrong}).error == UNSIGNED, wrong
    assert kms.with_(service="kms").health().error == UNSIGNED
    assert kms.with_(region="ap-south-1").health().status == 200, "the other KMS calls from a Region of its own"


def test_long_bodies_are_not_read(served: tuple[Deployment, OtherKms, OtherKms]) -> None:
    _, kms, _ = served
    long = b" " * (32 * 1024 + 1)
    assert kms.with_().send(HEALTH, long, kms.signed(HEALTH, long)).error == (501, "UnsupportedOperationException")
    most = BODY + b" " * (32 * 1024 - len(BODY))
    assert kms.send(HEALTH, most, kms.signed(HEALTH, most)).status == 200


def test_a_declared_body_that_never_comes_holds_up_nobody(served: tuple[Deployment, OtherKms, OtherKms]) -> None:
    _, kms, _ = served
    waiting = [kms.with_() for _ in range(20)]
    for each in waiting:
        connection = each.open()
        connection.putrequest("POST", HEALTH, skip_host=True)
        for name, value in {**kms.signed(HEALTH, BODY), "Content-Length": "30000"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(b"{")
    assert kms.health().status == 200
    for each in waiting:
        each.open().close()


def test_an_anonymous_body_is_not_hashed_and_costs_what_its_head_costs(served: tuple[Deployment, OtherKms, OtherKms]) -> None:
    """A call of a known caller walks the pipeline, waits for its record and answers; that of nobody is told apart by its head."""
    deployment, kms, _ = served
    body = BODY + b" " * (30 * 1024)
    unsigned = {"Host": "x", "Content-Type": "application/json"}
    good = kms.signed(HEALTH, body)

    def cost(headers: dict[str, str], status: int, calls: int = 300) -> float:
        before = cpu_seconds(deployment)
        for _ in range(calls):
            assert kms.send(HEALTH, body, headers).status == status
        return cpu_seconds(deployment) - before

    records = len(deployment.audit(HOME))
    anonymous = cost(unsigned, 401)
    assert len(deployment.audit(HOME)) - records <= 2 * 300 / 10 + 10, "failures of an address are told together"
    assert anonymous <= cost(good, 200)


def test_nobody_is_told_why(served: tuple[Deployment, OtherKms, OtherKms]) -> None:
    _, kms, _ = served
    bodies = {
        kms.with_(secret="x" * 64).health().body,
        kms.with_(access_key_id="A" * 24).health().body,
        kms.send(HEALTH, BODY, {"Host": "x"}).body,
        kms.send(HEALTH, BODY, _at(kms, datetime.now(UTC) - timedelta(minutes=10))).body,
    }
    assert len(bodies) == 1


def test_plaintext_http_is_not_spoken(served: tuple[Deployment, OtherKms, OtherKms]) -> None:
    import http.client

    _, kms, _ = served
    plain = http.client.HTTPConnection("127.0.0.1", kms.port, timeout=10)
    with pytest.raises((http.client.HTTPException, OSError)):
        plain.request("POST", HEALTH, body=BODY, headers=kms.signed(HEALTH, BODY))
        plain.getresponse()
    began = time.monotonic()
    assert kms.health().status == 200
    assert time.monotonic() - began < 20

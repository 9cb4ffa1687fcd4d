"""What callers see of gRPC and of the AWS wire, to the byte, whichever front answers them: grpcio, or Envoy in the process.

Where the two differ, the difference stands in a table here.
"""

from __future__ import annotations

import gzip
import re
import socket
import ssl
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.aws import kms
from tests.contract.fronts import CREATE, DESCRIBE, RANDOM, Front, framed, random, request_of
from tests.deployment import HOME, Deployment
from tests.http2 import HAS_ENDED, grpc_head
from tests.identity_tokens import Issuer, believe

from meridian.cli.region_place import HOST
from meridian.client import Client, Endpoint, errors
from meridian.kms.v1 import types_pb2 as t
from meridian.transport.grpc_health import WATCHES_PER_CONNECTION

pytestmark = pytest.mark.timeout(180)

OK, UNKNOWN, INVALID, DEADLINE, NOT_FOUND, EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAUTHENTICATED = 0, 2, 3, 4, 5, 8, 12, 13, 16
RESET = -1
"""No status: grpcio ends such a stream."""
KEYS_FOUND_AT_ONCE_MAX = 30
"""An RSA key of 4096 bits is rarely found before it is seen that its caller has left; where it is, the next is not."""
TOO_LONG = 256 * 1024 + 1
IDP = Issuer()
FORGED = {"x-forwarded-for": "203.0.113.9", "x-forwarded-client-cert": "URI=spiffe://x/y", "x-real-ip": "203.0.113.9"}


@pytest.fixture(scope="module", params=["grpcio", "envoy"])
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    added = f'front.kind = "{request.param}"\nlimits.failed_authentications_per_minute = 0\n'
    deployment = Deployment(tmp_path_factory.mktemp(request.param), [HOME], settings_added=added).prepare()
    believe(deployment, IDP)
    try:
        deployment.start()
        yield Front(request.param, deployment)
    finally:
        deployment.stop_all()


def test_both_clients_do_their_work(front: Front) -> None:
    with front.deployment.client() as alice, front.deployment.client(caller="app") as app:
        key_id = alice.create_key().key_metadata.key_id
        blob = app.encrypt(key_id=key_id, plaintext=b"over gRPC").ciphertext_blob
        assert app.decrypt(ciphertext_blob=blob).plaintext == b"over gRPC"
    over_aws = kms(front.deployment, caller="app")
    assert over_aws.decrypt(CiphertextBlob=blob)["Plaintext"] == b"over gRPC"
    assert over_aws.decrypt(CiphertextBlob=over_aws.encrypt(KeyId=key_id, Plaintext=b"back")["CiphertextBlob"])["Plaintext"] == b"back"


def created(front: Front) -> list[str]:
    """How each call that was to make a key ended: an error, CANCELLED also where it was made and its caller had left; or nothing."""
    made = [record for record in front.deployment.audit(HOME) if record["eventName"] == "CreateKey"]
    return [record.get("errorCode") or record["meridian"].get("unheard", "") for record in made]


def has_more(front: Front, before: int) -> bool:
    return len(created(front)) > before


def test_a_call_that_is_taken_back_ends_alone_and_is_recorded_as_that(front: Front) -> None:
    request = CREATE.request_class(key_spec=t.KEY_SPEC_RSA_4096, key_usage=t.KEY_USAGE_TYPE_SIGN_VERIFY).SerializeToString()
    with front.http2("developer") as connection:
        for _ in range(KEYS_FOUND_AT_ONCE_MAX):
            before = len(created(front))
            stream = connection.begin(grpc_head(CREATE.path), framed(request), ends=True)
            assert connection.ask(grpc_head(RANDOM.path), framed(random())).code == OK, "by now it is under way"
            connection.take_back(stream)
            front.deployment.wait_until(partial(has_more, front, before))
            assert connection.ask(grpc_head(RANDOM.path), framed(random())).code == OK
            if created(front)[-1]:
                break
    assert created(front)[-1] == "CANCELLED"


def test_a_batch_is_answered_item_by_item(front: Front) -> None:
    with front.deployment.client() as alice, front.deployment.client(caller="app") as app:
        key_id = alice.create_key().key_metadata.key_id
        outcomes = app.encrypt_batch([{"key_id": each, "plaintext": b"x"} for each in (key_id, "alias/nothing", key_id)])
        assert [isinstance(each, Exception) for each in outcomes] == [False, True, False]


def test_an_answer_is_a_message_and_trailers(front: Front) -> None:
    answered = front.ask(framed(random(32)))
    assert (answered.status, answered.headers["content-type"], answered.code) == (200, "application/grpc", OK)
    assert answered.trailers["grpc-status"] == "0"
    assert re.fullmatch(r"[0-9a-f-]{36}", answered.trailers["x-amzn-requestid"])
    assert answered.body[:5] == b"\0" + (len(answered.body) - 5).to_bytes(4, "big")
    response: Any = RANDOM.response_class.FromString(answered.body[5:])
    assert len(response.plaintext) == 32


def test_a_refusal_is_a_status_with_its_details_and_no_message(front: Front) -> None:
    answered = front.ask(framed(request_of("alias/schlüssel 100%")), DESCRIBE.path)
    assert (answered.status, answered.code, answered.body, answered.reset) == (200, INVALID, b"", None)
    assert re.fullmatch(r"[ -~]+", answered.text)
    said = {**answered.headers, **answered.trailers}
    details = said["grpc-status-details-bin"]
    status = status_pb2.Status.FromString(b64decode(details + "=" * (-len(details) % 4)))
    assert (status.code, status.message) == (INVALID, unquote(answered.text))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.metadata["request_id"]) == ("ValidationException", said["x-amzn-requestid"])


FRAMES: dict[str, tuple[Callable[[], bytes], dict[str, str], int, int]] = {
    "no message": (lambda: b"", {}, INVALID, INVALID),
    "bytes that are no message": (lambda: framed(b"\xff\xff\xff"), {}, INVALID, INVALID),
    "a message that is cut": (lambda: framed(random(), length=100), {}, INVALID, INTERNAL),
    "a head that is cut": (lambda: b"\0\0\0", {}, INVALID, INTERNAL),
    "a flag that is none": (lambda: framed(random(), flag=2), {}, INVALID, INTERNAL),
    "compressed, and not said how": (lambda: framed(gzip.compress(random()), flag=1), {}, INTERNAL, INTERNAL),
    "compressed with gzip": (lambda: framed(gzip.compress(random()), flag=1), {"grpc-encoding": "gzip"}, OK, OK),
    "compressed with deflate": (lambda: framed(zlib.compress(random()), flag=1), {"grpc-encoding": "deflate"}, OK, OK),
    "named gzip, and not compressed": (lambda: framed(random()), {"grpc-encoding": "gzip"}, OK, OK),
    "gzip that is none": (lambda: framed(b"not gzip", flag=1), {"grpc-encoding": "gzip"}, INTERNAL, INTERNAL),
    "an encoding that nobody knows": (lambda: framed(random(), flag=1), {"grpc-encoding": "lzma"}, INTERNAL, UNIMPLEMENTED),
    "a message that is too long": (lambda: framed(b"x" * TOO_LONG), {}, EXHAUSTED, EXHAUSTED),
    "a small message that becomes too long": (
        lambda: framed(gzip.compress(b"x" * TOO_LONG), flag=1),
        {"grpc-encoding": "gzip"},
        EXHAUSTED,
        EXHAUSTED,
    ),
    "two messages, of which grpcio reads one": (lambda: framed(random()) * 2, {}, OK, INTERNAL),
    "a timeout that is none": (lambda: framed(random()), {"grpc-timeout": "soon"}, INTERNAL, INTERNAL),
    "a timeout of too many digits": (lambda: framed(random()), {"grpc-timeout": "123456789S"}, OK, INTERNAL),
    "a long timeout": (lambda: framed(random()), {"grpc-timeout": "99999999H"}, OK, OK),
    "no te": (lambda: framed(random()), {"te": ""}, RESET, INTERNAL),
}
"""THE table: what is sent instead of a good call, and the status behind grpcio and behind Envoy."""


@pytest.mark.parametrize("case", FRAMES)
def test_what_is_no_good_call_gets_its_status(front: Front, case: str) -> None:
    body, headers, grpcio, envoy = FRAMES[case]
    answered = front.ask(body(), **{name.replace("-", "_"): value for name, value in headers.items()})
    assert answered.code == front.one_of(grpcio, envoy), answered


def test_who_compresses_in_a_way_that_is_not_known_hears_what_is(front: Front) -> None:
    if front.kind == "grpcio":
        pytest.skip("grpcio says that it cannot read the header, and no more")
    answered = front.ask(framed(random(), flag=1), grpc_encoding="lzma")
    accepted = {**answered.headers, **answered.trailers}["grpc-accept-encoding"]
    assert set(re.split(r", ?", accepted)) == {"identity", "deflate", "gzip"}


@pytest.mark.parametrize("path", ["/meridian.kms.v1.KeysService/Nothing", "/nothing", "/a/b/c", "/%ff", "/meridian.kms.v1.KeysService/%41"])
def test_a_method_that_is_not_there_is_not_implemented(front: Front, path: str) -> None:
    assert front.ask(framed(b""), path).code == UNIMPLEMENTED


@pytest.mark.parametrize("content_type", ["application/json", "application/grpc-web", "text/plain", ""])
def test_what_is_not_named_grpc_is_no_call(front: Front, content_type: str) -> None:
    if front.kind == "grpcio":
        pytest.skip("grpcio takes whatever comes to its port for gRPC")
    answered = front.ask(framed(random()), content_type=content_type)
    assert (answered.status, answered.code) == (415, -1)


def test_nobody_speaks_http3_unless_the_settings_say_so(front: Front) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, front.port))
    assert "alt-svc" not in front.ask(framed(random())).headers


def test_metadata_and_deadlines_of_clients_arrive(front: Front) -> None:
    with front.deployment.client(caller="app") as app:
        with pytest.raises(errors.KmsServiceError) as ended:
            app.generate_random(number_of_bytes=8, timeout=0.0001)
        assert ended.value.code == "DEADLINE_EXCEEDED"
        asked = app.generate_random(number_of_bytes=8, caller_request_id="story-1")
    assert asked.plaintext
    named = [record for record in front.deployment.audit(HOME) if "story-1" in str(record)]
    assert [record["eventName"] for record in named] == ["GenerateRandom"]
    assert named[0]["sourceIPAddress"] == HOST


def test_nobody_says_for_himself_where_he_calls_from_and_who_he_is(front: Front) -> None:
    changed = {name.replace("-", "_"): value for name, value in FORGED.items()}
    answered = front.ask(framed(random()), x_meridian_caller_request_id="forged", **changed)
    assert answered.code == OK
    (record,) = [each for each in front.deployment.audit(HOME) if "forged" in str(each)]
    assert record["sourceIPAddress"] == HOST
    assert record["userIdentity"]["arn"].endswith("/app")


def test_who_shows_no_certificate_is_nobody_whatever_he_says(front: Front) -> None:
    forged = {name.replace("-", "_"): value for name, value in FORGED.items()}
    if front.kind == "grpcio":
        with pytest.raises((ssl.SSLError, ConnectionError)):
            front.ask(framed(random()), caller=None, **forged)
        return
    answered = front.ask(framed(random()), caller=None, **forged)
    assert (answered.code, answered.body) == (UNAUTHENTICATED, b"")


def test_a_bearer_token_needs_no_certificate_behind_envoy(front: Front) -> None:
    bearer = (front.deployment.root / "clients" / "app.token").read_text().strip()
    if front.kind == "grpcio":
        with pytest.raises((ssl.SSLError, ConnectionError)):
            front.ask(framed(random()), caller=None, authorization=f"Bearer {bearer}")
        return
    assert front.ask(framed(random()), caller=None, authorization=f"Bearer {bearer}").code == OK
    assert front.ask(framed(random()), caller=None, authorization=f"Bearer {bearer}x").code == UNAUTHENTICATED
    assert front.ask(framed(random()), caller="app", authorization=f"Bearer {bearer}").code == UNAUTHENTICATED


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_token_of_an_issuer_names_its_holder_and_comes_alone(front: Front) -> None:
    """On a connection whose certificate names nobody; behind Envoy, on one that shows none, too."""
    for shown in front.shows_nobody():
        answered = front.ask(framed(random()), caller=shown, x_meridian_caller_request_id=f"by-token-{shown}", **bearer(IDP.token()))
        assert answered.code == OK
        (record,) = [each for each in front.deployment.audit(HOME) if f"by-token-{shown}" in str(each)]
        assert record["userIdentity"]["arn"] == "arn:aws:iam::111122223333:user/ann"
        assert record["meridian"]["authn"] == {"method": "identity_token", "subject": f"{IDP.issuer} ann"}
    assert front.ask(framed(random()), caller="app", **bearer(IDP.token())).code == UNAUTHENTICATED, "two credentials"


TOKENS: dict[str, Callable[[], str]] = {
    "expired": lambda: IDP.token(iat=1_000_000_000, exp=1_000_000_600),
    "for somebody else": lambda: IDP.token(aud="somebody"),
    "of another issuer": lambda: IDP.token(iss="https://evil.example.com"),
    "alg none": IDP.unsigned,
    "alg HS256 with the public key": IDP.signed_with_public_key,
    "of an unknown key": lambda: IDP.token({"kid": "two"}),
    "signed by somebody else": lambda: Issuer().token(),
    "too long": lambda: IDP.token(x="x" * 9000),
    "twice": lambda: f"{IDP.token()}, Bearer {IDP.token()}",
}


@pytest.mark.parametrize("case", TOKENS)
def test_a_token_that_is_not_good_is_nobodys(front: Front, case: str) -> None:
    for shown in front.shows_nobody():
        answered = front.ask(framed(random()), caller=shown, **bearer(TOKENS[case]()))
        assert (answered.code, answered.body) == (UNAUTHENTICATED, b"")
        assert unquote(answered.text).startswith("The security token included in the request is ")


def stub_of(front: Front) -> tuple[grpc.Channel, Any]:
    endpoint = front.deployment.endpoint(HOME, "alice")
    channel = grpc.secure_channel(endpoint.target, endpoint.credentials)
    return channel, health_pb2_grpc.HealthStub(channel)


def test_health_is_told_and_watched(front: Front) -> None:
    channel, stub = stub_of(front)
    with channel:
        asked = health_pb2.HealthCheckRequest(service="meridian.kms.v1.KeysService")
        assert stub.Check(asked, timeout=20).status == health_pb2.HealthCheckResponse.SERVING
        watch = stub.Watch(asked, timeout=20)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
        with pytest.raises(grpc.RpcError) as refused:
            stub.Check(health_pb2.HealthCheckRequest(service="nothing"), timeout=20)
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_answers_question_after_question(front: Front) -> None:
    endpoint = front.deployment.endpoint(HOME, "alice")
    with grpc.secure_channel(endpoint.target, endpoint.credentials) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        questions = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="meridian.kms.v1.KeysService"),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="nothing.Here"),
        ]
        named, file, missing = stub.ServerReflectionInfo(iter(questions), timeout=20)
    assert "meridian.kms.v1.KeysService" in {each.name for each in named.list_services_response.service}
    assert any(b"KeysService" in each for each in file.file_descriptor_response.file_descriptor_proto)
    assert missing.error_response.error_code == NOT_FOUND


def test_a_bad_question_after_a_good_one_gets_its_status_too(front: Front) -> None:
    question = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
    path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    answered = front.ask(framed(question) + framed(b"\xff\xff"), path, "alice")
    assert answered.reset is None
    assert b"KeysService" in answered.body
    assert answered.code == front.one_of(UNKNOWN, INTERNAL)
    assert "UnforeseenFault" not in (front.deployment.place(HOME).folder / "log").read_text()


def refusal_of(watch: Any) -> grpc.StatusCode | None:
    """Why a watch is not taken; None where it is, and ended here."""
    try:
        next(watch)
    except grpc.RpcError as refused:
        return refused.code()
    watch.cancel()
    return None


def test_watches_of_callers_who_leave_are_given_up(front: Front) -> None:
    """As many as a connection may have, and then one more, as soon as it is seen that they are gone."""
    channel, stub = stub_of(front)
    with channel:
        watches = [stub.Watch(health_pb2.HealthCheckRequest(), timeout=60) for _ in range(WATCHES_PER_CONNECTION)]
        for watch in watches:
            assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        assert refusal_of(stub.Watch(health_pb2.HealthCheckRequest(), timeout=60)) == grpc.StatusCode.RESOURCE_EXHAUSTED
        for watch in watches:
            watch.cancel()
        front.deployment.wait_until(lambda: refusal_of(stub.Watch(health_pb2.HealthCheckRequest(), timeout=60)) is None)


def test_an_error_has_the_class_that_clients_switch_on(front: Front) -> None:
    endpoint: Endpoint = front.deployment.endpoint(HOME, "alice")
    with Client(endpoint) as alice, pytest.raises(errors.NotFoundException) as refused:
        alice.describe_key(key_id="alias/nothing")
    assert refused.value.request_id


HEADS: dict[str, tuple[dict[str, str], set[int]]] = {
    "longer than 16 KiB": ({"x-long": "x" * 40_000}, {431}),
    "more than sixty-four": ({f"x-{number}": "x" for number in range(100)}, {431}),
    "an underscore in a name": ({"x\u005flong": "x"}, {400}),
}


@pytest.mark.parametrize("case", HEADS)
def test_heads_have_bounds_behind_envoy(front: Front, case: str) -> None:
    if front.kind == "grpcio":
        pytest.skip("grpcio has a bound of its own, on the whole of metadata")
    more, statuses = HEADS[case]
    with front.http2() as connection:
        try:
            answered = connection.ask([*grpc_head(RANDOM.path), *more.items()], framed(random()))
        except HAS_ENDED:
            return
    assert answered.status in statuses or answered.reset is not None or answered.code not in (OK, -1), answered
    assert not answered.body

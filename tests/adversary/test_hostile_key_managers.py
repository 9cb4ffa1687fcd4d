"""A key manager that lies, dawdles, breaks off or leads elsewhere: the right refusal each time, nothing told, no other key slower."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog
from tests.standing_proxy import standing_proxy
from tests.vectors.independent_decoder import open_external_blob
from tests.xks_in_process import ASKED, CONTEXT, SERVICE, Outside, outside, own_key, said_of

from meridian.adapters.store_sql.migrate import upgrade
from meridian.adapters.xks_proxy import outcomes
from meridian.adapters.xks_proxy.attempt import HANDSHAKES_MAX
from meridian.adapters.xks_proxy.breaker import FAILURES
from meridian.adapters.xks_proxy.connection import IN_FLIGHT_MAX
from meridian.adapters.xks_proxy.outcomes import TABLE, Outcome
from meridian.domain.ciphertext_blob import parse_ciphertext_blob
from meridian.domain.key import Key
from meridian.domain.key_store import ConnectionState
from meridian.domain.secret import Secret
from meridian.errors import (
    InvalidCiphertextException,
    KmsError,
    KMSInvalidStateException,
    ThrottlingException,
    ValidationException,
    XksKeyInvalidConfigurationException,
)
from meridian.ports.key_store import Credential

BYTES_9, BYTES_21 = "AAAAAAAAAAAA", "A" * 28
NAMED = sorted(outcomes.NAMED_BY_PROXIES)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "region.sqlite3"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest_asyncio.fixture
async def beside(tmp_path: Path, empty: Path) -> AsyncIterator[Outside]:
    async with outside(tmp_path, empty, said_of(standing_proxy()), standing_proxy()) as made:
        yield made


@pytest_asyncio.fixture
async def hasty(tmp_path: Path, empty: Path) -> AsyncIterator[Outside]:
    """With little time for each attempt."""
    async with outside(tmp_path, empty, said_of(standing_proxy()), standing_proxy(), key_store_attempt_seconds=0.4) as made:
        yield made


async def refused(beside: Outside, verb: str, mode: dict[str, Any]) -> KmsError:
    """What a caller gets of a manager in this mode."""
    prefix, key = await beside.new_key()
    sealed = parse_ciphertext_blob((await beside.stores.encrypt(key, CONTEXT, b"secret", ASKED)).ciphertext_blob)
    beside.proxy.tell(prefix, mode={**mode, "verbs": [verb]})
    with pytest.raises(KmsError) as caught, structlog.testing.capture_logs():
        if verb == "encrypt":
            await beside.stores.encrypt(key, CONTEXT, b"secret", ASKED)
        else:
            await beside.stores.decrypt(key, CONTEXT, sealed, ASKED)
    assert "secret-of-the-manager" not in caught.value.message
    assert beside.proxy.host not in caught.value.message
    return caught.value


WIRES = ("no_json", "no_object", "html", "empty", "truncated", "no_http", "redirect", "repeated", "long_header", "zipped", "huge")

LIES: dict[str, tuple[str, dict[str, Any]]] = {
    "no ciphertext": ("encrypt", {"without": ["ciphertext"]}),
    "no IV": ("encrypt", {"without": ["initializationVector"]}),
    "no tag": ("encrypt", {"without": ["authenticationTag"]}),
    "no integrity value": ("encrypt", {"without": ["ciphertextDataIntegrityValue"]}),
    "metadata taken away": ("encrypt", {"without": ["ciphertextMetadata"]}),
    "a shorter ciphertext": ("encrypt", {"lies": {"ciphertext": BYTES_9}}),
    "a short IV": ("encrypt", {"lies": {"initializationVector": BYTES_9}}),
    "a short tag": ("encrypt", {"lies": {"authenticationTag": BYTES_9}}),
    "long metadata": ("encrypt", {"lies": {"ciphertextMetadata": BYTES_21}}),
    "other metadata": ("encrypt", {"lies": {"ciphertextMetadata": BYTES_9}}),
    "a flipped ciphertext": ("encrypt", {"flips": {"ciphertext": 0}}),
    "a flipped IV": ("encrypt", {"flips": {"initializationVector": 0}}),
    "a flipped tag": ("encrypt", {"flips": {"authenticationTag": 0}}),
    "a flipped integrity value": ("encrypt", {"flips": {"ciphertextDataIntegrityValue": 0}}),
    "a number for a text": ("encrypt", {"lies": {"ciphertext": 7}}),
    "no Base64": ("encrypt", {"lies": {"ciphertext": "!!!"}}),
    "Base64 of URLs": ("encrypt", {"lies": {"initializationVector": "____________-A=="}}),
    "another status": ("encrypt", {"status": 204}),
    "no plaintext": ("decrypt", {"without": ["plaintext"]}),
    "a shorter plaintext": ("decrypt", {"lies": {"plaintext": BYTES_9}}),
    "an undocumented error": ("decrypt", {"error": "SomethingElseException", "status": 418}),
    "a list for a name": ("decrypt", {"error": ["InternalException"], "status": 500}),
    **{
        f"{kind} at {verb}": (verb, {"wire": kind})
        for verb in ("encrypt", "decrypt")
        for kind in (
            "no_json",
            "no_object",
            "html",
            "empty",
            "truncated",
            "no_http",
            "redirect",
            "repeated",
            "long_header",
            "zipped",
            "huge",
        )
    },
}


@pytest.mark.asyncio
@pytest.mark.parametrize("lie", LIES)
async def test_an_answer_that_cannot_be_believed_is_refused(beside: Outside, lie: str) -> None:
    verb, mode = LIES[lie]
    error = await refused(beside, verb, mode)
    assert isinstance(error, KMSInvalidStateException)
    assert error.message == TABLE[Outcome.MALFORMED].text


@pytest.mark.asyncio
async def test_a_plaintext_that_was_never_sealed_is_not_answered(beside: Outside) -> None:
    error = await refused(beside, "decrypt", {"flips": {"plaintext": 0}})
    assert isinstance(error, KMSInvalidStateException)
    assert error.message == TABLE[Outcome.INNER].text


@pytest.mark.asyncio
@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("status", [400, 401, 418, 503])
async def test_each_error_is_told_by_its_name_whatever_its_status(beside: Outside, name: str, status: int) -> None:
    error = await refused(beside, "decrypt", {"error": name, "status": status})
    assert isinstance(error, KMSInvalidStateException)
    assert error.message == TABLE[Outcome(name)].text


@pytest.mark.asyncio
@pytest.mark.parametrize("name", [*NAMED, "SomethingElseException"])
async def test_each_error_has_its_name_when_a_store_is_made_connected_and_given_a_key(beside: Outside, name: str) -> None:
    outcome = Outcome(name) if name in NAMED else Outcome.MALFORMED
    prefix = f"/m{secrets.token_hex(5)}"
    row = await beside.written(beside.row(prefix))
    beside.proxy.tell(prefix, mode={"error": name})
    with pytest.raises(TABLE[outcome].store) as caught:
        await beside.stores.try_out(row, None, ASKED)
    assert caught.value.message == TABLE[outcome].text
    assert await beside.stores.connect(row, ASKED) == TABLE[outcome].connection
    with pytest.raises(TABLE[outcome].create_key) as caught:
        await beside.stores.require_fit(beside.key(row), ASKED)
    assert caught.value.message == TABLE[outcome].text


HEALTH: dict[str, tuple[dict[str, Any], Outcome]] = {
    "no managers": ({"ekmFleetDetails": []}, Outcome.MALFORMED),
    "eleven managers": ({"ekmFleetDetails": [{"id": "a", "model": "b", "healthStatus": "ACTIVE"}] * 11}, Outcome.MALFORMED),
    "an unknown status": ({"ekmFleetDetails": [{"id": "a", "model": "b", "healthStatus": "WELL"}]}, Outcome.MALFORMED),
    "a manager that is a text": ({"ekmFleetDetails": ["one"]}, Outcome.MALFORMED),
    "nobody serves": ({"ekmFleetDetails": [{"id": "a", "model": "b", "healthStatus": "UNAVAILABLE"}]}, Outcome.ALL_UNAVAILABLE),
    "no fleet": ({"xksProxyFleetSize": 0}, Outcome.MALFORMED),
    "a fleet of true": ({"xksProxyFleetSize": True}, Outcome.MALFORMED),
    "a vendor of seven": ({"ekmVendor": 7}, Outcome.MALFORMED),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("lie", HEALTH)
async def test_a_store_whose_health_is_not_well_does_not_connect(beside: Outside, lie: str) -> None:
    said, outcome = HEALTH[lie]
    prefix = f"/m{secrets.token_hex(5)}"
    row = await beside.written(beside.row(prefix))
    assert await beside.stores.connect(row, ASKED) == ""
    beside.proxy.tell(prefix, mode={"lies": said})
    assert await beside.stores.connect(row, ASKED) == TABLE[outcome].connection


@pytest.mark.asyncio
async def test_a_degraded_manager_serves(beside: Outside) -> None:
    prefix = f"/m{secrets.token_hex(5)}"
    row = await beside.written(beside.row(prefix))
    managers = [{"id": str(n), "model": "b", "healthStatus": status} for n, status in enumerate(("UNAVAILABLE", "DEGRADED"))]
    beside.proxy.tell(prefix, mode={"lies": {"ekmFleetDetails": managers}})
    assert await beside.stores.connect(row, ASKED) == ""


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "a short key": ({"spec": "AES_128"}, "AES_128"),
    "a key that only encrypts": ({"usage": ["ENCRYPT", "WRAP"]}, "ENCRYPT, WRAP"),
    "a disabled key": ({"status": "DISABLED"}, "DISABLED"),
    "an unknown status": ({"status": "PAUSED"}, "PAUSED"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("misfit", MISFITS)
async def test_an_external_key_that_does_not_fit_is_refused_by_what_does_not(beside: Outside, misfit: str) -> None:
    said, shown = MISFITS[misfit]
    prefix, key = await beside.new_key()
    await beside.stores.require_fit(key, ASKED)
    beside.proxy.tell(prefix, key=key.xks_key_id, values=said)
    with pytest.raises(XksKeyInvalidConfigurationException, match=shown):
        await beside.stores.require_fit(key, ASKED)


@pytest.mark.asyncio
async def test_a_slow_proxy_is_asked_twice_and_no_more(hasty: Outside) -> None:
    prefix, key = await hasty.new_key()
    await hasty.stores.encrypt(key, CONTEXT, b"secret", ASKED)
    hasty.proxy.tell(prefix, mode={"sleep": 2.0}, forget=True)
    began = time.monotonic()
    with pytest.raises(KMSInvalidStateException, match="in time"):
        await hasty.stores.encrypt(key, CONTEXT, b"secret", ASKED)
    assert time.monotonic() - began >= 0.8
    assert [each["verb"] for each in hasty.proxy.tell(prefix)["seen"]] == ["encrypt"] * 2
    assert await hasty.stores.connect(await hasty.written(hasty.row(prefix)), ASKED) == "XKS_PROXY_TIMED_OUT"


@pytest.mark.asyncio
async def test_an_attempt_that_times_out_once_is_made_good(hasty: Outside) -> None:
    prefix, key = await hasty.new_key()
    hasty.proxy.tell(prefix, mode={"sleep": 2.0, "times": 1, "verbs": ["encrypt"]})
    assert (await hasty.stores.encrypt(key, CONTEXT, b"secret", ASKED)).ciphertext_blob


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["endless", "half_a_head", "nothing", "reset"])
async def test_a_proxy_that_breaks_off_holds_nobody(hasty: Outside, kind: str) -> None:
    error = await refused(hasty, "decrypt", {"wire": kind})
    assert error.message in {TABLE[each].text for each in (Outcome.UNREACHABLE, Outcome.TIMED_OUT)}


@pytest.mark.asyncio
async def test_an_answer_without_end_is_not_read_to_its_end(beside: Outside) -> None:
    prefix, key = await beside.new_key()
    beside.proxy.tell(prefix, mode={"wire": "huge"})
    with pytest.raises(KMSInvalidStateException, match="interpreted"):
        await beside.stores.encrypt(key, CONTEXT, b"secret", ASKED)
    for _ in range(100):
        if beside.proxy.tell(prefix)["written"]:
            break
        await asyncio.sleep(0.05)
    assert 0 < beside.proxy.tell(prefix)["written"] < 20_000_000, "of 50 million, what lies in buffers"


@pytest.mark.asyncio
async def test_a_call_that_is_under_way_is_not_asked_again_once_its_store_is_disconnected(hasty: Outside) -> None:
    prefix, key = await hasty.new_key()
    await hasty.stores.encrypt(key, CONTEXT, b"x", ASKED)
    hasty.proxy.tell(prefix, mode={"sleep": 2.0}, forget=True)
    under_way = asyncio.create_task(hasty.stores.encrypt(key, CONTEXT, b"x", ASKED))
    while not hasty.proxy.tell(prefix)["seen"]:
        await asyncio.sleep(0.01)
    hasty.stores.disconnect(key.account, key.custom_key_store_id)
    with pytest.raises(KMSInvalidStateException):
        await under_way
    assert len(hasty.proxy.tell(prefix)["seen"]) == 1


@pytest.mark.asyncio
async def test_an_error_is_asked_for_once(beside: Outside) -> None:
    prefix, key = await beside.new_key()
    beside.proxy.tell(prefix, mode={"error": "InternalException"}, forget=True)
    with pytest.raises(KMSInvalidStateException):
        await beside.stores.encrypt(key, CONTEXT, b"secret", ASKED)
    assert len(beside.proxy.tell(prefix)["seen"]) == 1


@pytest.mark.asyncio
async def test_a_kept_connection_that_has_died_is_replaced(beside: Outside) -> None:
    prefix, key = await beside.new_key()
    sealed = parse_ciphertext_blob((await beside.stores.encrypt(key, CONTEXT, b"secret", ASKED)).ciphertext_blob)
    beside.proxy.tell(prefix, mode={"wire": "nothing", "times": 1, "verbs": ["decrypt"]})
    assert (await beside.stores.decrypt(key, CONTEXT, sealed, ASKED)).plaintext == b"secret"


@pytest.mark.asyncio
async def test_connections_are_kept(beside: Outside) -> None:
    prefix, key = await beside.new_key()
    await beside.stores.encrypt(key, CONTEXT, b"secret", ASKED)
    before = beside.proxy.tell(prefix)["connections"]
    for _ in range(20):
        await beside.stores.encrypt(key, CONTEXT, b"secret", ASKED)
    assert beside.proxy.tell(prefix)["connections"] == before


async def answered_again(hasty: Outside, key: Key) -> None:
    """Ask until the pause is over in which a proxy is left alone."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(KMSInvalidStateException):
                await hasty.stores.encrypt(key, CONTEXT, b"secret", ASKED)
                return
            await asyncio.sleep(0.05)


@pytest.mark.asyncio
async def test_a_proxy_that_does_not_answer_is_left_alone_and_tried_again(hasty: Outside) -> None:
    prefix, key = await hasty.new_key()
    await hasty.stores.encrypt(key, CONTEXT, b"secret", ASKED)
    hasty.proxy.tell(prefix, mode={"sleep": 1.5}, forget=True)
    answers = await asyncio.gather(*(hasty.stores.encrypt(key, CONTEXT, b"x", ASKED) for _ in range(FAILURES)), return_exceptions=True)
    assert all(isinstance(each, KMSInvalidStateException) for each in answers)
    assert hasty.stores.broken == 1
    asked = len(hasty.proxy.tell(prefix)["seen"])
    refusals = [await asyncio.gather(hasty.stores.encrypt(key, CONTEXT, b"x", ASKED), return_exceptions=True) for _ in range(50)]
    assert {str(each[0]) for each in refusals} == {TABLE[Outcome.TIMED_OUT].text}
    assert len(hasty.proxy.tell(prefix)["seen"]) == asked
    hasty.proxy.tell(prefix, mode={})
    await answered_again(hasty, key)
    assert hasty.stores.broken == 0


class Silent:
    """Takes connections, and answers no handshake."""

    def __init__(self) -> None:
        self.open = self.most = self.all = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open, self.all = self.open + 1, self.all + 1
        self.most = max(self.most, self.open)
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.close()


@pytest.mark.asyncio
async def test_a_proxy_that_hangs_meets_few_handshakes_and_every_call_is_told_soon(tmp_path: Path, empty: Path) -> None:
    proxy, silent = standing_proxy(), Silent()
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        hosts = {"hangs.example.com": f"127.0.0.1:{server.sockets[0].getsockname()[1]}"}
        async with outside(tmp_path, empty, said_of(proxy, hosts=hosts), proxy, key_store_attempt_seconds=0.25) as beside:
            key = beside.key(await beside.written(beside.row("/hangs", xks_proxy_uri_endpoint="https://hangs.example.com")))
            calls = [beside.stores.encrypt(key, CONTEXT, b"x", ASKED) for _ in range(IN_FLIGHT_MAX)]
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert {(type(each), str(each)) for each in answers} == {(KMSInvalidStateException, TABLE[Outcome.TIMED_OUT].text)}
            assert 0 < silent.most <= HANDSHAKES_MAX
            assert silent.all <= HANDSHAKES_MAX + FAILURES, "once it was found out, nobody tries again"
            assert beside.stores.broken == 1


@pytest.mark.asyncio
async def test_many_calls_at_once_share_the_places_for_handshakes_and_are_all_answered(beside: Outside) -> None:
    prefix, key = await beside.new_key()
    before = beside.proxy.tell(prefix)["connections"]
    answers = await asyncio.gather(*(beside.stores.encrypt(key, CONTEXT, b"x", ASKED) for _ in range(IN_FLIGHT_MAX)))
    assert len(answers) == IN_FLIGHT_MAX
    assert before <= beside.proxy.tell(prefix)["connections"] <= before + IN_FLIGHT_MAX
    again = await asyncio.gather(*(beside.stores.encrypt(key, CONTEXT, b"x", ASKED) for _ in range(IN_FLIGHT_MAX)))
    assert len(again) == IN_FLIGHT_MAX


@pytest.mark.asyncio
async def test_a_store_that_hangs_slows_no_key_of_the_region(hasty: Outside) -> None:
    prefix, key = await hasty.new_key()
    own = own_key(hasty.engine)
    hasty.proxy.tell(prefix, mode={"sleep": 3.0})

    async def worst_of(count: int) -> float:
        worst = []
        for _ in range(count):
            began = time.perf_counter()
            hasty.engine.symmetric_keys.encrypt(own, CONTEXT, b"x")
            worst.append(time.perf_counter() - began)
            await asyncio.sleep(0)
        return sorted(worst)[count // 2]

    quiet = await worst_of(400)
    calls = [asyncio.create_task(hasty.stores.encrypt(key, CONTEXT, b"x", ASKED)) for _ in range(64)]
    beside_a_hanging_one = await worst_of(400)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, KMSInvalidStateException) for each in answers)
    assert beside_a_hanging_one < 3 * quiet + 0.001


@pytest.mark.asyncio
async def test_more_than_a_stores_share_is_refused_before_anything_is_sent(tmp_path: Path, empty: Path) -> None:
    async with outside(tmp_path, empty, said_of(standing_proxy()), standing_proxy(), key_store_requests_per_second=3.0) as beside:
        prefix, key = await beside.new_key()
        answers = [await asyncio.gather(beside.stores.encrypt(key, CONTEXT, b"x", ASKED), return_exceptions=True) for _ in range(12)]
        refusals = [each[0] for each in answers if isinstance(each[0], Exception)]
        assert refusals
        assert all(isinstance(each, ThrottlingException) for each in refusals)
        assert len(beside.proxy.tell(prefix)["seen"]) == 12 - len(refusals)


@pytest.mark.asyncio
async def test_an_address_that_is_not_allowed_is_not_dialled(tmp_path: Path, empty: Path) -> None:
    async with outside(tmp_path, empty, said_of(standing_proxy(), networks=()), standing_proxy()) as beside:
        prefix, key = await beside.new_key()
        with pytest.raises(KMSInvalidStateException, match="cannot be reached"):
            await beside.stores.encrypt(key, CONTEXT, b"x", ASKED)
        assert await beside.stores.connect(await beside.written(beside.row(prefix)), ASKED) == "XKS_PROXY_NOT_REACHABLE"
        assert beside.proxy.tell(prefix)["seen"] == []


@pytest.mark.asyncio
async def test_a_name_that_leads_elsewhere_the_second_time_is_not_followed(
    tmp_path: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first connection is to the address that is allowed; by the second, the name has another, of this machine too."""
    answered = []

    def resolved(name: str, port: int, **_: Any) -> list[Any]:
        answered.append(name)
        address = "127.0.0.1" if len(answered) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    proxy = standing_proxy()
    hosts = {proxy.host: f"rebinds.example.com:{proxy.port}"}
    async with outside(tmp_path, empty, said_of(proxy, hosts=hosts), proxy) as beside:
        prefix, key = await beside.new_key()
        await beside.stores.encrypt(key, CONTEXT, b"x", ASKED)
        beside.proxy.tell(prefix, mode={"wire": "nothing", "times": 1})  # the kept connection dies
        with pytest.raises(KMSInvalidStateException, match="cannot be reached"):
            await beside.stores.encrypt(key, CONTEXT, b"x", ASKED)
    assert len(answered) == 2


@pytest.mark.asyncio
async def test_a_certificate_is_believed_by_trusted_roots_alone_and_for_its_name(tmp_path: Path, empty: Path) -> None:
    proxy, stranger = standing_proxy(), "not-in-the-certificate.example.org"
    for settings, endpoint in (
        (said_of(proxy, trusted_roots=None), proxy.host),
        (said_of(proxy, hosts={stranger: f"127.0.0.1:{proxy.port}"}), stranger),
    ):
        async with outside(tmp_path, empty, settings, proxy) as beside:
            row = await beside.written(beside.row("/tls", xks_proxy_uri_endpoint=f"https://{endpoint}"))
            assert await beside.stores.connect(row, ASKED) == "XKS_PROXY_INVALID_TLS_CONFIGURATION"


@pytest.mark.asyncio
async def test_hosts_say_where_a_proxy_is_dialled(tmp_path: Path, empty: Path) -> None:
    proxy = standing_proxy()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        hosts = {"deaf.example.com": f"127.0.0.1:{taken.getsockname()[1]}", "nobody.example.com": "nobody.invalid:443"}
        async with outside(tmp_path, empty, said_of(proxy, hosts={**hosts, proxy.host: f"127.0.0.1:{proxy.port}"}), proxy) as beside:
            for host, code in ((proxy.host, ""), *((host, "XKS_PROXY_NOT_REACHABLE") for host in hosts)):
                row = await beside.written(beside.row(f"/{host}", xks_proxy_uri_endpoint=f"https://{host}"))
                assert await beside.stores.connect(row, ASKED) == code


@pytest.mark.asyncio
async def test_endpoint_services_lead_to_their_host_at_their_address(beside: Outside) -> None:
    behind = {"connectivity": "VPC_ENDPOINT_SERVICE", "xks_proxy_uri_endpoint": f"https://private.{beside.proxy.host}"}
    for changed, code in (
        ({"xks_proxy_vpc_endpoint_service_name": SERVICE}, ""),
        ({"xks_proxy_vpc_endpoint_service_name": f"{SERVICE}1"}, "XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND"),
        (
            {"xks_proxy_vpc_endpoint_service_name": SERVICE, "xks_proxy_uri_endpoint": f"https://{beside.proxy.host}"},
            "XKS_VPC_ENDPOINT_SERVICE_INVALID_CONFIGURATION",
        ),
    ):
        row = await beside.written(beside.row("/private", **{**behind, **changed}))
        assert await beside.stores.connect(row, ASKED) == code


@pytest.mark.parametrize(
    "endpoint", ["https://127.0.0.1", "https://2130706433", "https://10.0.0", "https://a..b", "https://-a.example", "https://..."]
)
@pytest.mark.asyncio
async def test_an_endpoint_is_a_name(beside: Outside, endpoint: str) -> None:
    with pytest.raises(ValidationException) as caught:
        beside.stores.require_known(beside.row("/x", xks_proxy_uri_endpoint=endpoint))
    assert [field for field, _ in caught.value.fields] == ["xksProxyUriEndpoint"]


@pytest.mark.asyncio
async def test_a_wrong_secret_is_told_and_shown_nowhere(beside: Outside) -> None:
    wrong = "w" * 43
    row = await beside.written(beside.row(f"/m{secrets.token_hex(5)}"), wrong)
    with structlog.testing.capture_logs() as logs:
        assert await beside.stores.connect(row, ASKED) == "INVALID_CREDENTIALS"
    assert logs
    assert wrong not in str(logs)


@pytest.mark.asyncio
async def test_a_store_that_was_made_before_secrets_were_kept_says_so(beside: Outside) -> None:
    row = beside.row(f"/m{secrets.token_hex(5)}")
    with structlog.testing.capture_logs() as logs:
        assert await beside.stores.connect(row, ASKED) == "INVALID_CREDENTIALS"
    assert "before secrets were kept" in str(logs)


@pytest.mark.asyncio
async def test_neither_half_opens_anything_alone(beside: Outside) -> None:
    """Who has the external key, and who has database and seal, has one lock each."""
    prefix, key = await beside.new_key()
    sealed = (await beside.stores.encrypt(key, CONTEXT, b"secret", ASKED)).ciphertext_blob
    external = bytes.fromhex(beside.proxy.tell(prefix, secret_of=key.xks_key_id)["secret"])
    material = beside.engine.symmetric_keys.material_bytes(key, key.materials[0])
    opened = partial(open_external_blob, identity=key.arn, external_key_id=key.xks_key_id, context={}, blob=sealed)
    assert opened(material=material, external_key=external) == b"secret", "with both halves it opens"
    for own_half, their_half in ((bytes(32), external), (material, bytes(32))):
        with pytest.raises(ValueError, match=r"commitment|MAC"):
            opened(material=own_half, external_key=their_half)
    # The manager, who has taken off his own lock, has a text under another; database and seal have one that is under his.
    blob = parse_ciphertext_blob(sealed)
    assert blob.outer is not None
    with pytest.raises(InvalidCiphertextException):
        beside.engine.symmetric_keys.opening_inner(key, CONTEXT, blob).open(blob.outer.ciphertext)
    assert b"secret" not in sealed


@pytest.mark.asyncio
async def test_a_disconnected_store_is_sent_nothing(beside: Outside) -> None:
    prefix, key = await beside.new_key()
    await beside.stores.encrypt(key, CONTEXT, b"x", ASKED)
    async with beside.store.transaction() as uow:
        row = await uow.key_stores.find(key.account, key.custom_key_store_id)
        assert row is not None
        await uow.key_stores.update(replace(row, state=ConnectionState.DISCONNECTING))
    beside.stores.disconnect(key.account, key.custom_key_store_id)
    beside.proxy.tell(prefix, forget=True)
    with pytest.raises(KMSInvalidStateException):
        await beside.stores.encrypt(key, CONTEXT, b"x", ASKED)
    assert beside.proxy.tell(prefix)["seen"] == []
    assert beside.stores.connected == 0


def test_a_credential_is_not_shown() -> None:
    assert "hidden" not in repr(Credential("AKID", Secret(b"hidden")))


@pytest.mark.asyncio
async def test_a_proxy_that_is_left_alone_is_told_of_once_and_counted(hasty: Outside) -> None:
    prefix, key = await hasty.new_key()
    await hasty.stores.encrypt(key, CONTEXT, b"secret", ASKED)
    hasty.proxy.tell(prefix, mode={"sleep": 1.5})
    with structlog.testing.capture_logs() as lines:
        await asyncio.gather(*(hasty.stores.encrypt(key, CONTEXT, b"x", ASKED) for _ in range(FAILURES)), return_exceptions=True)
        told, hasty.counted[:] = len(lines), []
        for _ in range(50):
            await asyncio.gather(hasty.stores.encrypt(key, CONTEXT, b"x", ASKED), return_exceptions=True)
        assert len(lines) == told, "a call that is refused at once has no line"
        assert hasty.counted == [("encrypt", "not asked", 0.0)] * 50
        hasty.proxy.tell(prefix, mode={})
        await answered_again(hasty, key)
    events = [line["event"] for line in lines]
    assert events.count("key store proxy is left alone") == events.count("key store proxy answers again") == 1

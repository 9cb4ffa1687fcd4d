"""A Region of two processes behind a balancer, one after the other asked to end under load: no caller hears of it, and no change is made
twice."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any

import pytest
from botocore.config import Config
from tests.aws import kms
from tests.deployment import HOME
from tests.network import Relay
from tests.twins import Twins, two_processes

from meridian.cli.region_place import HOST
from meridian.client import Client, Endpoint
from meridian.contract.client_token import CLIENT_TOKEN

pytestmark = pytest.mark.deep

CALLERS = 8
ROUNDS = 3
LOOK_SECONDS = 0.1
AS_OPERATED = {
    "development = true": "development = false",
    "bearer_tokens = true": "bearer_tokens = false",
    "limits.drain_pause_seconds = 0": "limits.drain_pause_seconds = 1",
}
"""The processes have the time to end that those of an operator have, but for the pause."""
END_SECONDS = 40.0
LOADED_SECONDS = 1.5
"""Before a process is asked to end, and after it has. There is no load while it starts again, which takes what a busy machine has."""
THINKING_SECONDS = 0.3
"""Of a caller between two calls: what is tested is the end of a process, not how much a database on a busy machine can take."""
CHANGE_EVERY = 4
JOIN_SECONDS = 60.0
"""For a caller to end; the longest call of boto3 with all its retries is shorter on a Region that answers."""


@dataclass
class Process:
    """One of the two, and how it is ended and started."""

    grpc_port: int
    aws_port: int
    admin_port: int
    stop: Callable[[], int]
    start: Callable[[], None]

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.admin_port}/readyz", timeout=1):
                return True
        except OSError:
            return False


class Balancer:
    """New connections go to a process that says it is ready, each in turn."""

    def __init__(self, processes: list[Process]) -> None:
        self._processes = processes
        self._ready = list(processes)
        self._turns = count()
        self._ended = threading.Event()
        self.grpc = Relay(lambda: self._next().grpc_port)
        self.aws = Relay(lambda: self._next().aws_port)
        self._looking = threading.Thread(target=self._look)
        self._looking.start()

    def _next(self) -> Process:
        ready = self._ready
        return ready[next(self._turns) % len(ready)]

    def _look(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self._ready = [each for each in self._processes if each.is_ready()] or self._processes

    def close(self) -> None:
        self._ended.set()
        self._looking.join()
        self.grpc.close()
        self.aws.close()


@dataclass
class Load:
    """Callers who call until the end, and what they met."""

    ended: threading.Event = field(default_factory=threading.Event)
    done: int = 0
    faults: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    """Ids of keys that callers were told of."""

    def call(self, each: Callable[[int], None]) -> None:
        for number in count(1):
            if self.ended.wait(THINKING_SECONDS):
                return
            try:
                each(number)
                self.done += 1
            except Exception as fault:  # noqa: BLE001 - kept, and asserted to be none
                self.faults.append(f"{time.strftime('%X')}, call {number} of one of them: {type(fault).__name__}: {fault}")

    def over_grpc(self, client: Client) -> Callable[[int], None]:
        key_id = self._make_over_grpc(client)

        def call(number: int) -> None:
            blob = client.encrypt(key_id=key_id, plaintext=b"x").ciphertext_blob
            assert client.decrypt(ciphertext_blob=blob).plaintext == b"x"
            if number % CHANGE_EVERY == 0:
                self._make_over_grpc(client)

        return call

    def over_aws(self, client: Any, key_id: str) -> Callable[[int], None]:
        def call(number: int) -> None:
            blob = client.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
            assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
            if number % CHANGE_EVERY == 0:
                self.made.append(client.create_key()["KeyMetadata"]["KeyId"])

        return call

    def _make_over_grpc(self, client: Client) -> str:
        key_id: str = client.create_key().key_metadata.key_id
        self.made.append(key_id)
        return key_id


@contextlib.contextmanager
def callers(load: Load, calls: list[Callable[[int], None]]) -> Iterator[None]:
    """Each calls in a thread of its own, until the end."""
    load.ended.clear()
    threads = [threading.Thread(target=load.call, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        load.ended.set()
        for thread in threads:
            thread.join(JOIN_SECONDS)
    assert not any(thread.is_alive() for thread in threads), "a caller hangs"


@pytest.fixture
def twins(tmp_path_factory: pytest.TempPathFactory, postgresql_server: str) -> Iterator[Twins]:
    with two_processes(tmp_path_factory.mktemp("ending"), postgresql_server, "", AS_OPERATED) as made:
        yield made


def processes(twins: Twins) -> list[Process]:
    deployment, place = twins.deployment, twins.deployment.place(HOME)

    def stop_first() -> int:
        deployment.processes[HOME].terminate()
        return deployment.wait_dead(HOME, END_SECONDS)

    first = Process(place.grpc_port, place.aws_port, place.admin_port, stop_first, lambda: deployment.start(HOME))
    return [first, Process(twins.port, twins.port + 3, twins.port + 1, twins.stop_second, twins.start_second)]


def aws(twins: Twins, port: int) -> Any:
    """A client of boto3 with the retries that it has by default, each change under a token as docs/clients.md has it."""
    client = kms(twins.deployment, endpoint_url=f"http://{HOST}:{port}", config=Config(connect_timeout=5, read_timeout=30))

    def add_token(params: dict[str, Any], **_: Any) -> None:
        params["headers"][CLIENT_TOKEN] = secrets.token_hex(16)

    client.meta.events.register("before-call.kms", add_token)
    return client


def test_no_call_is_lost_while_one_process_after_the_other_ends(twins: Twins) -> None:
    own = twins.deployment.endpoint(HOME, "developer")
    pair = processes(twins)
    balancer, load = Balancer(pair), Load()
    endpoint = Endpoint(f"{HOST}:{balancer.grpc.port}", own.ca, own.certificate, own.private_key)
    with contextlib.closing(balancer), contextlib.ExitStack() as clients:
        over_grpc = [load.over_grpc(clients.enter_context(Client(endpoint))) for _ in range(CALLERS)]
        over_aws = [load.over_aws(aws(twins, balancer.aws.port), load.made[0]) for _ in range(CALLERS)]
        for _, process in zip(range(ROUNDS), cycle(pair), strict=False):
            with callers(load, [*over_grpc, *over_aws]):
                time.sleep(LOADED_SECONDS)
                assert process.stop() == 0
                time.sleep(LOADED_SECONDS)
            process.start()
    assert load.faults == []
    assert load.done > 2 * CALLERS * ROUNDS
    assert len(twins.events("StreamClose")) == ROUNDS
    by_event = {r["eventID"]: r for r in twins.events("CreateKey") if "errorCode" not in r and r["responseElements"]}
    recorded = [r["resources"][0]["ARN"].rpartition("/")[2] for r in by_event.values()]
    assert sorted(recorded) == sorted(load.made), "each key that a caller was told of was made once, and no other"

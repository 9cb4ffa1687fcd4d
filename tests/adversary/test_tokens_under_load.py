"""A hardware token under load, from one process and from two: each call gets its own answer, and a hang holds up no local key."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.standing_proxy import standing_proxy
from tests.tokens import PIN, Token, new_token, wait_for_token_thread
from tests.tokens_in_process import InToken, in_token
from tests.xks_in_process import ASKED, CONTEXT, outside, own_key, said_of

from meridian.adapters.pkcs11 import key_store
from meridian.adapters.store_sql.migrate import upgrade
from meridian.domain.ciphertext_blob import parse_ciphertext_blob
from meridian.domain.key import Key
from meridian.errors import KMSInvalidStateException, ThrottlingException

AT_ONCE = 16
PATIENCE_SECONDS = 20.0
OTHER_PROCESS = """
import sys, time
from pathlib import Path
from meridian.adapters.pkcs11.library import TokenPlace, open_session
from meridian.domain.secret import Secret
session = open_session(TokenPlace(Path(sys.argv[1]), sys.argv[2]), Secret(sys.stdin.read().encode()))
session.generate(b"other-process-16", "other")
until, done = time.monotonic() + float(sys.argv[3]), 0
while time.monotonic() < until:
    text = done.to_bytes(8, "big") * 4
    iv = done.to_bytes(12, "big")
    assert session.decrypt(b"other-process-16", iv, b"aad", session.encrypt(b"other-process-16", iv, b"aad", text)) == text
    done += 1
print(done)
"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "region.sqlite3"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture
def token(tmp_path: Path) -> Token:
    return new_token(tmp_path / "hsm", "hsm-a")


@pytest_asyncio.fixture
async def held(tmp_path: Path, empty: Path, token: Token) -> AsyncIterator[InToken]:
    async with outside(tmp_path, empty, said_of(standing_proxy()), standing_proxy()) as beside:
        async with in_token(token, beside.store, beside.engine) as made:
            yield made


async def use(held: InToken, key: Key, until: float) -> int:
    """What was encrypted is decrypted to what it was."""
    done = 0
    while time.monotonic() < until:
        for size in (1, 32, 4096):
            plaintext = key.number[:1] * size
            sealed = await held.stores.encrypt(key, CONTEXT, plaintext, ASKED)
            opened = await held.stores.decrypt(key, CONTEXT, parse_ciphertext_blob(sealed.ciphertext_blob), ASKED)
            assert opened.plaintext == plaintext
            assert len(await held.stores.random(held.row, 16, ASKED)) == 16
        done += 1
    return done


async def make_and_erase(held: InToken, until: float) -> int:
    """Keys come and go meanwhile."""
    done = 0
    while time.monotonic() < until:
        key = await held.new_key()
        await held.stores.encrypt(key, CONTEXT, b"x", ASKED)
        await held.stores.erase(key, ASKED)
        done += 1
    return done


@pytest.mark.asyncio
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seconds", [2.0, pytest.param(60.0, marks=pytest.mark.deep)])
async def test_many_callers_and_another_process_each_get_their_own_answer(held: InToken, token: Token, seconds: float) -> None:
    keys = [await held.new_key() for _ in range(AT_ONCE)]
    command = [sys.executable, "-c", OTHER_PROCESS, str(token.module), token.label, str(seconds)]
    other = await asyncio.to_thread(subprocess.Popen, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        told = asyncio.create_task(asyncio.to_thread(other.communicate, PIN, timeout=seconds + 60))
        until = time.monotonic() + seconds
        done = await asyncio.gather(make_and_erase(held, until), *(use(held, key, until) for key in keys))
        assert min(done) > 0
        printed, _ = await told
        assert other.returncode == 0
        assert int(printed) > 0
    finally:
        other.kill()
        other.wait()
    assert token.key_files == AT_ONCE + 1  # and that of the other process
    assert not token.was_called_by_another_thread


@pytest.mark.asyncio
async def test_a_token_that_hangs_holds_up_its_own_calls_for_so_long_and_no_local_key(
    held: InToken, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, local = await held.new_key(), own_key(held.engine)
    monkeypatch.setattr(key_store, "USE_SECONDS", 0.5)
    token.say("hang")  # until it is unsaid: a local call or a refusal that waited for it would never end
    try:
        waiting = [asyncio.create_task(held.stores.encrypt(key, CONTEXT, b"x", ASKED)) for _ in range(200)]
        for _ in range(100):
            held.engine.symmetric_keys.encrypt(local, CONTEXT, b"x")
            await asyncio.sleep(0)
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in answers} == {KMSInvalidStateException}
        assert {str(each) for each in answers} == {"The token of the key store did not answer in time."}
        monkeypatch.setattr(key_store, "USE_SECONDS", 10 * PATIENCE_SECONDS)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(KMSInvalidStateException, match="did not answer in time"):
                await held.stores.encrypt(key, CONTEXT, b"x", ASKED)
    finally:
        token.unsay("hang")
    await asyncio.to_thread(wait_for_token_thread)
    assert (await held.stores.encrypt(key, CONTEXT, b"x", ASKED)).ciphertext_blob


@pytest.mark.asyncio
async def test_more_calls_than_may_wait_are_refused_as_too_many(held: InToken, token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await held.new_key()
    monkeypatch.setattr(key_store, "USE_SECONDS", 10 * PATIENCE_SECONDS)
    token.say("hang")
    calls = [asyncio.create_task(held.stores.encrypt(key, CONTEXT, b"x", ASKED)) for _ in range(1200)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while sum(call.done() for call in calls) < 1200 - 1024 - 1:
            await asyncio.sleep(0.05)
    token.unsay("hang")
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in answers if isinstance(each, ThrottlingException)]
    assert len(refused) >= 1200 - 1024 - 1
    assert await held.stores.encrypt(key, CONTEXT, b"x", ASKED)


@pytest.mark.asyncio
async def test_a_token_that_is_removed_in_flight_fails_calls_and_serves_again(held: InToken, token: Token) -> None:
    key = await held.new_key()
    answers: list[object] = []
    ended: list[str] = []

    async def use() -> None:
        while not ended:
            try:
                sealed = await held.stores.encrypt(key, CONTEXT, b"x", ASKED)
                assert (await held.stores.decrypt(key, CONTEXT, parse_ciphertext_blob(sealed.ciphertext_blob), ASKED)).plaintext == b"x"
                answers.append("ok")
            except KMSInvalidStateException:
                answers.append("invalid state")
            await asyncio.sleep(0.01)

    async def answered(answer: str) -> None:
        """Everybody has had this answer from now on, and nobody another one since."""
        answers.clear()
        async with asyncio.timeout(20):
            while answers[-len(users) :] != [answer] * len(users):
                await asyncio.sleep(0.01)

    users = [asyncio.create_task(use()) for _ in range(8)]
    await answered("ok")
    token.take_out()
    await answered("invalid state")
    token.put_back()
    await answered("ok")
    ended.append("now")
    await asyncio.gather(*users)
    assert set(answers) <= {"ok", "invalid state"}
    assert token.logins <= 12, "the PIN is presented as often as the token comes back, not with each call"


@pytest.mark.asyncio
async def test_neither_half_opens_anything_alone(held: InToken, token: Token) -> None:
    key = await held.new_key()
    sealed = parse_ciphertext_blob((await held.stores.encrypt(key, CONTEXT, b"secret", ASKED)).ciphertext_blob)
    await held.stores.erase(key, ASKED)
    with pytest.raises(KMSInvalidStateException, match="does not have the key"):
        await held.stores.decrypt(key, CONTEXT, sealed, ASKED)
    assert token.key_files == 0

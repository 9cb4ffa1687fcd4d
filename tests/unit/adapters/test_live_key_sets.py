"""Key sets are fetched in the background, in bounded time, bytes and number, whatever their issuer answers and whatever tokens name."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from tests.identity_tokens import publishing
from tests.key_set_stage import DISCOVERY, IDP, KEYS, TWO, Stage, run

from meridian.adapters import fetched_document
from meridian.adapters.fetched_document import FetchFault
from meridian.adapters.live_key_sets import (
    AGAIN_SECONDS,
    ASKED_MAX,
    FIRST_AGAIN_SECONDS,
    FRESH_SECONDS,
    USABLE_SECONDS,
    _key_set_url,
)
from meridian.crypto.signed_tokens import read_key_set
from meridian.ports.key_sets import KeySetSource


@pytest.fixture
def stage() -> Iterator[Stage]:
    with publishing() as published:
        made = Stage(published)
        yield made
        made.sets.close()


def test_a_set_is_fetched_before_a_token_needs_it_and_again_while_it_is_fresh(stage: Stage) -> None:
    async def story() -> None:
        assert stage.found() == "later"
        await stage.sets.look()
        assert (stage.found(), stage.fetches) == ("yes", 1)
        stage.clock.seconds += FRESH_SECONDS - 1
        await stage.sets.look()
        assert stage.fetches == 1
        stage.published.documents[KEYS] = IDP.key_set(TWO)
        stage.clock.seconds += 1
        await stage.sets.look()
        assert (stage.found("two"), stage.fetches) == ("yes", 2)
        assert stage.metrics() == {
            "meridian_token_key_set_fetches_total taken": 2,
            "meridian_token_key_set_fetches_total failed": 0,
            "meridian_token_key_set_age_seconds": 0,
        }
        assert await stage.settled("one") == "no"

    run(story)


def test_an_unknown_key_brings_the_next_fetch_forward_and_no_more_than_once_a_minute(stage: Stage) -> None:
    async def story() -> None:
        await stage.sets.look()
        stage.published.documents[KEYS] = IDP.key_set(IDP.signer, TWO)
        stage.clock.seconds += 1
        assert [stage.found("x"), stage.found("two")] == ["later", "later"], "the set may be another by now"
        assert stage.woken
        await stage.sets.look()
        assert (stage.found("x"), stage.fetches) == ("later", 1), "the set is not a minute old"
        stage.clock.seconds += AGAIN_SECONDS - 1
        await stage.sets.look()
        assert (stage.found("x"), stage.found("two"), stage.fetches) == ("no", "yes", 2)
        for number in range(1000):
            assert stage.found(f"x{number}") == "later"
            assert number >= ASKED_MAX // 2 or stage.found("x") == "no", "whatever some others ask for"
            stage.clock.seconds += 0.05
            if not number % 20:
                await stage.sets.look()
        assert stage.fetches == 2, "fifty seconds of unknown keys"
        assert len(stage.sets._standings[stage.published.url].asked) <= ASKED_MAX

    run(story)


def test_a_new_key_is_found_while_strangers_ask_for_keys_that_nobody_has(stage: Stage) -> None:
    async def story() -> None:
        await stage.sets.look()
        stage.published.documents[KEYS] = IDP.key_set(IDP.signer, TWO)
        answers = []
        for second in range(int(AGAIN_SECONDS) + 2):
            stage.clock.seconds += 1
            stage.found(f"stranger {second}")
            answers.append(stage.found("two"))
            await stage.sets.look()
        assert set(answers) == {"later", "yes"}, "never refused, so that clients try again"
        assert answers[-1] == "yes"

    run(story)


def test_a_set_that_cannot_be_renewed_counts_for_an_hour(stage: Stage) -> None:
    async def story() -> None:
        await stage.sets.look()
        stage.published.status = 503
        stage.clock.seconds += FRESH_SECONDS
        await stage.sets.look()
        assert (stage.found(), stage.found("two")) == ("yes", "later"), "nobody knows whether there is such a key"
        stage.clock.seconds += USABLE_SECONDS - FRESH_SECONDS - 1
        assert stage.found() == "yes"
        stage.clock.seconds += 1
        assert stage.found() == "later"
        stage.published.status = 200
        await stage.sets.look()
        assert (stage.found(), await stage.settled("two")) == ("yes", "no")
        assert stage.metrics()["meridian_token_key_set_fetches_total failed"] == 1

    run(story)


def test_an_issuer_that_is_away_is_asked_now_and_then_and_told_of_once(stage: Stage) -> None:
    async def story() -> None:
        stage.published.status = 500
        with structlog.testing.capture_logs() as lines:
            for _ in range(40):
                await stage.sets.look()
                stage.clock.seconds += FIRST_AGAIN_SECONDS / 4
            stage.published.status = 200
            await stage.sets.look()
        assert stage.published.count(DISCOVERY) == 11
        told = [(line["log_level"], line["issuer"]) for line in lines]
        assert told == [("warning", stage.published.url), ("info", stage.published.url)]
        assert lines[0]["fault"] == f"{stage.published.url}{DISCOVERY}: answers HTTP 500"

    run(story)


LIES: dict[str, tuple[Callable[[Stage], None], str]] = {
    "a redirect": (lambda s: redirect(s), "answers HTTP 302"),
    "another issuer": (lambda s: put(s, DISCOVERY, s.discovery(issuer="https://evil")), "another issuer"),
    "no address": (lambda s: put(s, DISCOVERY, s.discovery(jwks_uri=None)), "jwks_uri must be"),
    "a file": (lambda s: put(s, DISCOVERY, s.discovery(jwks_uri="file:///etc/passwd")), "jwks_uri must be"),
    "an address inside without TLS": (lambda s: put(s, DISCOVERY, s.discovery(jwks_uri="http://169.254.169.254/")), "jwks_uri must be"),
    "an address with a user": (lambda s: put(s, DISCOVERY, s.discovery(jwks_uri="https://a:b@c/")), "jwks_uri must be"),
    "no JSON": (lambda s: put(s, DISCOVERY, b"<html>"), "is no JSON"),
    "a member twice": (lambda s: put(s, DISCOVERY, b'{"issuer": 1, "issuer": 2}'), "is no JSON"),
    "a long document": (lambda s: put(s, DISCOVERY, b" " * (64 * 1024 + 1)), "more than 65,536 bytes"),
    "a long key set": (lambda s: put(s, KEYS, b" " * (256 * 1024 + 1)), "more than 262,144 bytes"),
    "no key set": (lambda s: put(s, KEYS, b"{}"), "no key set"),
    "a key set of nothing": (lambda s: put(s, KEYS, b'{"keys": []}'), "no key that could sign"),
    "operations that are no list": (
        lambda s: put(s, KEYS, b'{"keys": [{"kty": "EC", "kid": "z", "key_ops": 5}]}'),
        "key_ops is no list",
    ),
    "a place without TLS": (
        lambda s: put(s, DISCOVERY, s.discovery(jwks_uri="HTTP://192.0.2.1/")),
        "jwks_uri must be",
    ),
    "a secret key": (
        lambda s: put(s, KEYS, json.dumps({"keys": [{**IDP.signer.key.as_dict(private=True), "kid": "one"}]}).encode()),
        "private",
    ),
    "nothing": (lambda s: s.published.documents.clear(), "answers HTTP 404"),
    "something packed": (lambda s: packed(s), "is no JSON"),
}


def put(stage: Stage, path: str, document: bytes) -> None:
    stage.published.documents[path] = document


def redirect(stage: Stage) -> None:
    stage.published.status, stage.published.headers = 302, {"Location": f"{stage.published.url}{KEYS}"}


def packed(stage: Stage) -> None:
    import gzip

    stage.published.headers = {"Content-Encoding": "gzip"}
    stage.published.documents = {path: gzip.compress(data) for path, data in stage.published.documents.items()}


@pytest.mark.parametrize("case", LIES)
def test_an_issuer_that_lies_has_no_keys_and_what_was_there_stays(stage: Stage, case: str) -> None:
    lie, why = LIES[case]

    async def story() -> None:
        await stage.sets.look()
        lie(stage)
        stage.clock.seconds += FRESH_SECONDS
        with structlog.testing.capture_logs() as lines:
            await stage.sets.look()
        assert len(lines) == 1
        assert why in lines[0]["fault"]
        assert stage.found() == "yes"
        assert stage.metrics()["meridian_token_key_set_fetches_total failed"] == 1

    run(story)


def test_who_answers_slowly_is_given_up_and_the_loop_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched_document, "SECONDS", 0.3)
    released = False

    def wait() -> None:
        until = time.monotonic() + 20
        while not released and time.monotonic() < until:
            time.sleep(0.01)

    stage.published.before = wait

    async def story() -> None:
        nonlocal released
        looking = asyncio.ensure_future(stage.sets.look())
        turns = 0
        while not looking.done():
            assert stage.found() == "later"
            turns += 1
            await asyncio.sleep(0.01)
        released = True
        assert turns > 5

    with structlog.testing.capture_logs() as lines:
        run(story)
    assert "has not answered within" in lines[0]["fault"]


def test_a_set_of_a_file_is_there_at_once_and_says_all(stage: Stage) -> None:
    stage.sources = (KeySetSource(stage.published.url, "", "", "", read_key_set(IDP.key_set())),)

    async def story() -> None:
        assert [stage.found("one"), stage.found("two")] == ["yes", "no"]
        await stage.sets.look()
        assert stage.published.asked == []

    run(story)


def test_sources_are_followed(stage: Stage) -> None:
    async def story() -> None:
        await stage.sets.look()
        stage.sources = (KeySetSource(stage.published.url, "", "", "shown", None),)
        assert stage.found() == "yes", "the same set, another word to get it with"
        stage.clock.seconds += FRESH_SECONDS
        await stage.sets.look()
        assert stage.published.asked[-1][1]["Authorization"] == "Bearer shown"
        stage.published.documents["/others"] = IDP.key_set(TWO)
        stage.sources = (KeySetSource(stage.published.url, f"{stage.published.url}/others", "", "", None),)
        assert (stage.found(), stage.woken > 0) == ("later", True)
        await stage.sets.look()
        assert (stage.found("two"), await stage.settled("one")) == ("yes", "no")
        assert stage.published.count(DISCOVERY) == 2, "the place of the keys was given"
        stage.sources = ()
        assert stage.found("two") == "no"

    run(story)


def test_tls_is_by_the_authorities_that_are_given(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def context(cadata: str | None) -> ssl.SSLContext:
        made.append(cadata)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr("meridian.adapters.live_key_sets.ssl.create_default_context", context)
    stage.sources = (KeySetSource(stage.published.url, "", "PEM", "", None),)
    run(stage.sets.look)
    stage.sources = (stage.source,)
    run(stage.sets.look)
    assert made == ["PEM", None]


def test_the_place_of_the_keys_has_tls_however_it_is_spelled() -> None:
    issuer = KeySetSource("https://idp.example", "", "", "", None)
    for url in ("http://127.0.0.1:1/keys", "HTTP://127.0.0.1:1/keys", "hTTp://localhost/keys"):
        with pytest.raises(FetchFault, match="without TLS"):
            _key_set_url(json.dumps({"issuer": issuer.issuer, "jwks_uri": url}).encode(), issuer)


def test_the_operators_word_goes_to_the_issuer_alone(stage: Stage) -> None:
    with publishing() as other:
        other.documents[KEYS] = IDP.key_set()
        stage.published.documents[DISCOVERY] = stage.discovery(jwks_uri=f"{other.url}{KEYS}")
        stage.sources = (KeySetSource(stage.published.url, "", "", "shown", None),)
        run(stage.sets.look)
        assert stage.found() == "yes"
        assert stage.published.asked[-1][1]["Authorization"] == "Bearer shown"
        assert [headers.get("Authorization") for _, headers in other.asked] == [None]

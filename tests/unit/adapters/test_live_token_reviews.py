"""Reviews of tokens by an API server that a test runs, over TLS and in the words of Kubernetes' TokenReview."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.stepped_clock import SteppedClock
from tests.token_review_server import GONE, GOOD, SUBJECT, ApiServer, api_server

from meridian.adapters import live_token_reviews
from meridian.adapters.live_token_reviews import PATH, WAITING_MAX, LiveTokenReviews
from meridian.crypto.certificates import new_authority
from meridian.errors import DependencyTimeoutException, UnrecognizedClientException
from meridian.ports.token_reviews import ReviewSource

ISSUER, TOKEN = "https://cluster.example", "header.claims.signature"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with api_server(tmp_path) as made:
        yield made


class Stage:
    """Reviews of one issuer's tokens, which count for sixty seconds."""

    def __init__(self, server: ApiServer) -> None:
        self.clock, self.woken = SteppedClock(1000.0), 0
        self.sources: tuple[ReviewSource, ...] = (ReviewSource(ISSUER, server.url, server.authority, "shown", ("meridian", "kms"), 60),)
        self.reviews = LiveTokenReviews(lambda: self.sources, self.clock, self.wake)

    def wake(self) -> None:
        self.woken += 1

    def said(self, token: str = TOKEN) -> str:
        """ "yes", "later", or why not."""
        try:
            self.reviews.require_good(ISSUER, sha256(token.encode()).digest(), token, SUBJECT)
        except DependencyTimeoutException:
            return "later"
        except UnrecognizedClientException as refusal:
            return refusal.reason
        return "yes"

    def look(self) -> bool:
        return asyncio.run(self.reviews.look())

    def after_a_review(self) -> str:
        assert self.said() == "later"
        self.look()
        return self.said()

    def counts(self) -> dict[str, float]:
        registry = CollectorRegistry()
        registry.register(self.reviews)
        return {sample.labels["outcome"]: sample.value for metric in registry.collect() for sample in metric.samples}


@pytest.fixture
def stage(server: ApiServer) -> Iterator[Stage]:
    made = Stage(server)
    yield made
    made.reviews.close()


def test_a_token_is_asked_about_once_and_its_answer_counts_for_a_while(stage: Stage, server: ApiServer) -> None:
    assert stage.after_a_review() == "yes"
    ((path, authorization, review),) = server.asked
    assert (path, authorization) == (PATH, "Bearer shown")
    assert review == {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": TOKEN, "audiences": ["meridian", "kms"]},
    }
    stage.clock.seconds += 29
    assert stage.said() == "yes"
    stage.look()
    assert len(server.asked) == 1, "it is fresh"
    stage.clock.seconds += 2
    assert stage.said() == "yes", "nobody waits for the renewal"
    stage.look()
    assert len(server.asked) == 2
    stage.clock.seconds += 45
    assert stage.said() == "yes", "from the renewal on"
    assert stage.counts() == {"good": 2}


def test_the_token_of_a_deleted_pod_is_refused_within_the_time_of_an_answer(stage: Stage, server: ApiServer) -> None:
    assert stage.after_a_review() == "yes"
    server.status = GONE
    stage.clock.seconds += 31
    assert stage.said() == "yes"
    stage.look()
    assert stage.said() == f"the token of {ISSUER}: its API server does not stand by it: {GONE['error']}"
    assert stage.counts() == {"good": 1, "refused": 1}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"authenticated": "true"}, "does not stand by it"),
        ({"authenticated": False}, "does not stand by it"),
        ({"audiences": ["another"]}, "none of this issuer's audiences"),
        ({"audiences": None}, "none of this issuer's audiences"),
        ({"user": {"username": "system:serviceaccount:shop:other"}}, "somebody else's"),
        ({"user": None}, "somebody else's"),
        ({"authenticated": False, "error": "x" * 10_000 + "\x1b"}, "xxx"),
    ],
)
def test_only_a_whole_yes_is_one(stage: Stage, server: ApiServer, changed: dict[str, Any], why: str) -> None:
    server.status = {**GOOD, **changed}
    said = stage.after_a_review()
    assert why in said
    assert len(said) < 400
    assert said.isprintable()


@pytest.mark.parametrize(
    ("code", "body"),
    [(403, None), (500, None), (201, b"no JSON"), (201, b"[]"), (201, b'{"kind":"Status","status":"Failure"}'), (201, b" " * 100_000)],
)
def test_where_no_answer_can_be_had_nobody_is_believed(stage: Stage, server: ApiServer, code: int, body: bytes | None) -> None:
    server.code, server.body = code, body
    assert stage.after_a_review() == "later"
    assert stage.counts() == {"failed": 1}
    stage.look()
    assert len(server.asked) == 1, "it is left alone for a moment"
    server.code, server.body = 201, None
    stage.clock.seconds += 2
    stage.look()
    assert stage.said() == "yes"


def test_what_was_said_before_counts_until_it_is_too_old(stage: Stage, server: ApiServer) -> None:
    assert stage.after_a_review() == "yes"
    server.code = 503
    stage.clock.seconds += 59
    assert stage.said() == "yes"
    stage.look()
    assert stage.said() == "yes"
    stage.clock.seconds += 2
    assert stage.said() == "later"


def test_an_api_server_is_believed_by_its_authority_alone(stage: Stage, server: ApiServer) -> None:
    other = new_authority("another", datetime.now(UTC)).certificate.decode()
    stage.sources = (replace(stage.sources[0], authorities=other),)
    assert stage.after_a_review() == "later"
    assert server.asked == []


def test_an_answer_counts_for_who_gave_it(stage: Stage) -> None:
    assert stage.after_a_review() == "yes"
    stage.sources = (replace(stage.sources[0], audiences=("meridian",)),)
    assert stage.said() == "later", "it was another question"
    stage.sources = ()
    assert stage.said() == "yes", "nobody is asked any more"


def test_what_waits_and_what_is_known_has_its_bound(stage: Stage, server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_token_reviews, "KNOWN_MAX", 100)
    for number in range(WAITING_MAX + 50):
        assert stage.said(f"{number}") == "later"
    assert stage.woken == WAITING_MAX
    rounds = 1
    while stage.look():
        rounds += 1
    assert rounds == WAITING_MAX // 16
    assert len(server.asked) == WAITING_MAX
    assert [stage.said(f"{number}") for number in (0, WAITING_MAX - 1)] == ["later", "yes"], "the newest hundred are known"

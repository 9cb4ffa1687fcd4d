"""Asks API servers of Kubernetes whether they still stand by a token: that of a deleted pod or service account is good no more, whatever
its signature says.

A token that was not asked about is asked about at once, and its caller told to come again; an answer counts for the seconds of its issuer,
and is renewed from the half of them on while the token is in use. Where no answer can be had, tokens whose last one is too old are told to
come again: they are refused, not believed. Tokens themselves are kept until they were asked about, and no longer.

Source: Kubernetes API, authentication.k8s.io/v1 TokenReview.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, Metric

from meridian.adapters.fetched_document import FetchFault, post_json
from meridian.adapters.xks_proxy.lookups import Lookups
from meridian.domain.foreign_text import printable
from meridian.domain.strict_json import JsonFault, parse_json
from meridian.errors import DependencyTimeoutException, UnrecognizedClientException
from meridian.log import structlog
from meridian.ports.clock import Clock
from meridian.ports.token_reviews import ReviewSource

PATH: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
API: Final = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
ANSWER_BYTES_MAX: Final = 64 * 1024
KNOWN_MAX: Final = 4096
"""Tokens whose answer is remembered."""
WAITING_MAX: Final = 256
"""Tokens that are to be asked about."""
AT_ONCE: Final = 16
"""Requests under way."""
PAUSE_SECONDS: Final = 1.0
"""After a round in which an API server did not answer."""
LOOK_SECONDS: Final = 1.0
SHOWN_CHARACTERS_MAX: Final = 160
LATER: Final = "It is being asked whether the token is still good. Retry the request."


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was said of a token; empty `refusal` where it is good."""

    source: ReviewSource
    refusal: str
    at: float
    """Monotonic seconds, when it was asked."""


@dataclass(frozen=True, slots=True, repr=False)
class _Question:
    source: ReviewSource
    token: str
    subject: str


class LiveTokenReviews:
    """Implements `ports.token_reviews.TokenReviews`. Used on one event loop alone."""

    def __init__(self, sources: Callable[[], tuple[ReviewSource, ...]], clock: Clock, wake: Callable[[], None]) -> None:
        """`sources`: those in force. `wake`: asks for a look now."""
        self._sources = sources
        self._clock = clock
        self._wake = wake
        self._lookups = Lookups()
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()
        self._waiting: OrderedDict[bytes, _Question] = OrderedDict()
        self._tls: dict[ReviewSource, ssl.SSLContext] = {}
        self._not_before = 0.0
        self._faults: set[str] = set()
        self._counts: dict[tuple[str, str], int] = {}
        self._log = structlog.get_logger("meridian.identity")

    def close(self) -> None:
        """Look up no more names."""
        self._lookups.close()

    def require_good(self, issuer: str, digest: bytes, token: str, subject: str) -> None:
        source = next((each for each in self._sources() if each.issuer == issuer), None)
        if source is None:
            return
        answer, now = self._answers.get(digest), self._clock.monotonic()
        age = now - answer.at if answer is not None and answer.source == source else source.seconds
        if age >= source.seconds / 2:
            self._ask(digest, _Question(source, token, subject))
        if answer is None or age >= source.seconds:
            raise DependencyTimeoutException(LATER, reason=f"{issuer} has not been heard about the token within {source.seconds} seconds")
        if answer.refusal:
            raise UnrecognizedClientException(reason=f"the token of {issuer}: {answer.refusal}")

    async def look(self) -> bool:
        """Ask about tokens that wait; the answer is whether more do. What cannot be had is told, and asked again when the token comes."""
        if not self._waiting or self._clock.monotonic() < self._not_before:
            return False
        asked = list(islice(self._waiting.items(), AT_ONCE))
        try:
            await asyncio.gather(*[self._review(digest, question) for digest, question in asked])
        finally:
            for digest, _ in asked:
                self._waiting.pop(digest, None)
        return bool(self._waiting)

    def _ask(self, digest: bytes, question: _Question) -> None:
        """Where there is room; whoever finds none comes again."""
        if digest in self._waiting or len(self._waiting) >= WAITING_MAX:
            return
        self._waiting[digest] = question
        self._wake()

    async def _review(self, digest: bytes, question: _Question) -> None:
        source, at = question.source, self._clock.monotonic()
        try:
            refusal = _refusal_in(await self._posted(question), question)
        except (FetchFault, ssl.SSLError) as fault:
            self._count(source.issuer, "failed")
            self._not_before = self._clock.monotonic() + PAUSE_SECONDS
            if source.issuer not in self._faults:
                self._faults.add(source.issuer)
                self._log.warning("tokens of an issuer cannot be reviewed", issuer=source.issuer, fault=str(fault))
            return
        if source.issuer in self._faults:
            self._faults.discard(source.issuer)
            self._log.info("tokens of an issuer are reviewed again", issuer=source.issuer)
        self._count(source.issuer, "refused" if refusal else "good")
        self._answers[digest] = _Answer(source, refusal, at)
        self._answers.move_to_end(digest)
        if len(self._answers) > KNOWN_MAX:
            self._answers.popitem(last=False)

    async def _posted(self, question: _Question) -> bytes:
        """The answer of the API server. Raises: FetchFault, ssl.SSLError."""
        source = question.source
        tls = self._tls.get(source)
        if tls is None:
            tls = await asyncio.to_thread(ssl.create_default_context, cadata=source.authorities or None)
            in_force = self._sources()
            self._tls = {each: context for each, context in self._tls.items() if each in in_force} | {source: tls}
        review = {**API, "spec": {"token": question.token, "audiences": list(source.audiences)}}
        return await post_json(
            f"{source.url.rstrip('/')}{PATH}",
            json.dumps(review).encode(),
            owner=source.issuer,
            tls=tls,
            bearer_token=source.bearer_token,
            bytes_max=ANSWER_BYTES_MAX,
            lookups=self._lookups,
        )

    def _count(self, issuer: str, outcome: str) -> None:
        self._counts[issuer, outcome] = self._counts.get((issuer, outcome), 0) + 1

    def collect(self) -> Iterator[Metric]:
        """For Prometheus."""
        reviews = CounterMetricFamily("meridian_token_reviews", "Reviews of tokens by API servers.", labels=["issuer", "outcome"])
        for (issuer, outcome), count in list(self._counts.items()):
            reviews.add_metric([issuer, outcome], count)
        yield reviews


def _refusal_in(answer: bytes, question: _Question) -> str:
    """Why the token is not good; empty where it is. Raises: FetchFault for what is no answer to the question."""
    try:
        said = parse_json(answer.decode())
    except (JsonFault, UnicodeDecodeError) as fault:
        raise FetchFault("its answer is no JSON") from fault
    status: Any = said.get("status") if isinstance(said, Mapping) and said.get("kind") == API["kind"] else None
    if not isinstance(status, Mapping):
        raise FetchFault("its answer is no TokenReview")
    if status.get("authenticated") is not True:
        why = status.get("error") or "no reason"
        return (
            f"its API server does not stand by it: {printable(why, SHOWN_CHARACTERS_MAX) if isinstance(why, str) and why else 'no reason'}"
        )
    audiences, user = status.get("audiences"), status.get("user")
    if not isinstance(audiences, list) or not any(each in question.source.audiences for each in audiences):
        return "its API server takes it for none of this issuer's audiences"
    if not isinstance(user, Mapping) or user.get("username") != question.subject:
        return "its API server takes it for somebody else's"
    return ""

"""Requests to the proxy of one store: signed, over connections that stay open, in bounded time and number.

An attempt may take 250 ms, where the settings say nothing else, with everything that it needs. One that timed out, or whose kept
connection was dead, is made once again, on a connection of its own; nothing else is, and none of a proxy that was found not to answer
meanwhile.

Source: AWS XKS Proxy API Specification, Time limits; AWS KMS Developer Guide, Troubleshooting external key stores.
"""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp
from aiohttp import ClientSession
from yarl import URL

from meridian.adapters.xks_proxy.attempt import HANDSHAKES_MAX, Attempt, tracing
from meridian.adapters.xks_proxy.bounded_answers import HEADER_BYTES_MAX, RECEIVED_BYTES_MAX, BoundedConnector
from meridian.adapters.xks_proxy.breaker import Breaker
from meridian.adapters.xks_proxy.checked_resolver import CheckedResolver
from meridian.adapters.xks_proxy.endpoint import Endpoint, Surroundings
from meridian.adapters.xks_proxy.messages import ANSWER_BYTES_MAX, read_fault
from meridian.adapters.xks_proxy.outcomes import NotAsked, Outcome, ProxyFault
from meridian.adapters.xks_proxy.signature import signed_headers
from meridian.domain.token_bucket import TokenBucket
from meridian.domain.trace_context import TRACEPARENT
from meridian.errors import ThrottlingException
from meridian.log import structlog
from meridian.ports.key_store import RequestSigner

IN_FLIGHT_MAX: Final = 128
"""Requests to one proxy at once, each with a connection; more are refused, so that none waits for a connection while its time runs."""
RETRY_SECONDS: Final = 0.5
"""When a call that was refused for want of a place may come again."""
NOT_ASKED: Final = "not asked"
"""How a request is counted that was refused at once, for the proxy has not answered before."""
KEEP_SECONDS: Final = 50.0
"""How long a connection may rest."""


class _DeadConnection(Exception):
    """A connection that was kept open was closed on the other side before any of the answer came."""


class ProxyConnection:
    """Everything that is under way to one proxy."""

    def __init__(self, endpoint: Endpoint, signer: RequestSigner, around: Surroundings) -> None:
        self._endpoint = endpoint
        self._signer = signer
        self._around = around
        self._breaker = Breaker()
        self._bucket = TokenBucket.full(around.rate, around.clock.monotonic())
        self._in_flight = 0
        self._making = asyncio.Semaphore(HANDSHAKES_MAX)
        self._has_ended = False
        self._log = structlog.get_logger("meridian.key_stores")
        self._kept, self._fresh = self._session(stays_open=True), self._session(stays_open=False)

    @property
    def is_broken(self) -> bool:
        """Whether the proxy is asked only now and then, for it has not answered."""
        return self._breaker.is_open

    def end(self) -> None:
        """Send nothing more."""
        self._has_ended = True

    async def close(self) -> None:
        """End all that is under way."""
        self.end()
        await self._kept.close()
        await self._fresh.close()

    async def ask(self, path: str, body: bytes) -> bytes:
        """The body of a good answer. Raises: ProxyFault for every other; ThrottlingException where the store has its share."""
        clock = self._around.clock
        refusal = self._breaker.refusal(clock.monotonic())
        if refusal is not None:
            self._around.count(path.rpartition("/")[2], NOT_ASKED, 0.0)
            raise NotAsked(refusal)
        self._take_place()
        began, outcome, is_probe = clock.monotonic(), None, self.is_broken
        try:
            return await self._attempt_twice(f"{self._endpoint.path}{path}", body, is_probe=is_probe)
        except ProxyFault as fault:
            outcome = fault.outcome
            raise
        finally:
            self._in_flight -= 1
            now = clock.monotonic()
            if outcome is not None or not asyncio.current_task().cancelling():  # type: ignore[union-attr]  # a coroutine runs in a task
                self._note(outcome, now)
                self._around.count(path.rpartition("/")[2], outcome.value if outcome else "", now - began)

    def _note(self, outcome: Outcome | None, now: float) -> None:
        was_broken = self.is_broken
        self._breaker.note(outcome, now)
        if self.is_broken and not was_broken:
            reason = outcome.value if outcome is not None else ""
            self._log.warning("key store proxy is left alone", store=self._endpoint.store_id, account=self._endpoint.account, reason=reason)
        elif was_broken and not self.is_broken:
            self._log.info("key store proxy answers again", store=self._endpoint.store_id, account=self._endpoint.account)

    def _take_place(self) -> None:
        self._bucket = self._bucket.filled(self._around.rate, self._around.clock.monotonic())
        if self._in_flight >= IN_FLIGHT_MAX or self._bucket.lacks(1.0):
            raise ThrottlingException(RETRY_SECONDS, reason="requests to the key store's proxy")
        self._bucket = self._bucket.drawn(1.0)
        self._in_flight += 1

    async def _attempt_twice(self, path: str, body: bytes, *, is_probe: bool) -> bytes:
        def is_vain() -> bool:
            return self.is_broken and not is_probe

        first, session = Attempt(self._making, is_vain), self._fresh
        try:
            return await self._attempt(self._kept, first, path, body)
        except _DeadConnection:
            pass
        except TimeoutError as fault:
            if first.is_waiting:
                session = self._kept  # it had no connection: one may be free by now
            else:
                self._note(Outcome.TIMED_OUT, self._around.clock.monotonic())
            if is_vain():
                raise ProxyFault(Outcome.TIMED_OUT, "not asked again, for others got no answer either") from fault
        try:
            return await self._attempt(session, Attempt(self._making, is_vain), path, body)
        except TimeoutError as fault:
            raise ProxyFault(Outcome.TIMED_OUT) from fault
        except _DeadConnection as fault:
            raise ProxyFault(Outcome.UNREACHABLE, "a kept connection was dead") from fault

    async def _attempt(self, session: ClientSession, attempt: Attempt, path: str, body: bytes) -> bytes:
        with self._around.traces.asking(f"key store proxy {path.rpartition('/')[2]}", ()) as asking:
            try:
                return await self._send(session, attempt, path, body, asking.traceparent)
            except ProxyFault as fault:
                asking.end_as(fault.outcome.value)
                raise

    async def _send(self, session: ClientSession, attempt: Attempt, path: str, body: bytes, traceparent: str) -> bytes:
        host = self._endpoint.host
        headers = signed_headers(self._signer, self._around.region, host, path, body, self._around.clock.now())
        if traceparent:
            headers[TRACEPARENT] = traceparent
        if self._has_ended:
            raise ProxyFault(Outcome.UNREACHABLE, "the key store is not connected")
        try:
            async with asyncio.timeout(self._around.attempt_seconds):
                url = URL(f"https://{host}{path}", encoded=True)
                asked = session.post(
                    url, data=body, headers=headers, ssl=self._around.trust(), allow_redirects=False, trace_request_ctx=attempt
                )
                async with asked as response:
                    answer = await _bounded(response)
                    status = response.status
        except aiohttp.ClientSSLError as fault:
            raise ProxyFault(Outcome.TLS, type(fault).__name__) from fault
        except aiohttp.ClientConnectorError as fault:
            raise ProxyFault(Outcome.UNREACHABLE, type(fault.os_error).__name__) from fault
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as fault:
            raise ProxyFault(Outcome.MALFORMED, type(fault).__name__) from fault
        except (aiohttp.ClientConnectionError, OSError) as fault:
            if isinstance(fault, TimeoutError):
                raise
            if attempt.is_kept and session is self._kept:
                raise _DeadConnection from fault
            raise ProxyFault(Outcome.UNREACHABLE, type(fault).__name__) from fault
        except (aiohttp.ClientError, ValueError) as fault:
            raise ProxyFault(Outcome.MALFORMED, type(fault).__name__) from fault
        finally:
            attempt.end_connection()
        if status != 200:
            raise read_fault(answer)
        return answer

    def _session(self, *, stays_open: bool) -> ClientSession:
        around, endpoint = self._around, self._endpoint
        keeping = {"keepalive_timeout": KEEP_SECONDS} if stays_open else {"force_close": True}
        connector = BoundedConnector(
            RECEIVED_BYTES_MAX,
            resolver=CheckedResolver(around.dialling, endpoint.host, endpoint.service, around.lookups, endpoint.account),
            use_dns_cache=False,  # every connection looks again, and is looked at again
            limit=IN_FLIGHT_MAX,
            happy_eyeballs_delay=around.attempt_seconds / 5,
            **keeping,
        )
        return ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),  # each attempt has its own
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            trust_env=False,
            trace_configs=[tracing()],
        )


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The whole body. Raises: ProxyFault for one that is longer than any answer."""
    body = b""
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            raise ProxyFault(Outcome.MALFORMED, "too long")
    return body

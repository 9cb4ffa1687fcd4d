"""Many callers at once who use keys and change them, with new keys in the place of old ones, and what the Region holds as calls go by."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.deployment import HOME, Deployment
from tests.histories.soak import Held, growth, held_by
from tests.histories.steady import EXPECTED

from meridian.client import AsyncClient, Endpoint, KmsServiceError
from meridian.client.fields import DecryptFields, EncryptFields

DAY_SECONDS, WINDOW_DAYS = 5.0, 7
CACHE_BYTES: Final = 24 << 20
SETTINGS: Final = f"limits.cache_bytes = {CACHE_BYTES}\nlimits.day_seconds = {DAY_SECONDS}\n"
"""Caches that are full after a tenth of the calls, and keys that are erased while they go on."""
CALLERS, KEYS_EACH, BLOBS_KEPT, ITEMS = 6, 10, 200, 80
FRESH: Final = 0.05
"""Contexts and policies that are new, of all: each costs a decision, or what policies are made into."""
CALL_SECONDS: Final = 30.0
FULL: Final = 0.85
"""Of the bytes of the caches; a sixteenth is kept free."""
POLICY: Final = (
    'permit (principal in KMS::Group::"111122223333/developers", action in [KMS::Action::"Encrypt", KMS::Action::"Decrypt"],'
    " resource is KMS::Key)"
    ' unless {{ context.encryptionContext.hasTag("object") && context.encryptionContext.getTag("object") == "{number:08d}" }};'
)
"""Another one with each number, and what it decides is another with each context."""


@dataclass(frozen=True)
class Look:
    """What the Region's process held at a moment."""

    calls: int
    held: Held
    anonymous: int
    caches: dict[str, int]

    @property
    def in_caches(self) -> int:
        return sum(self.caches.values())


@dataclass
class Mixed:
    """Figures of a run, and what is wrong."""

    calls: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """By code: what a machine that has more to do makes of some calls, and what is wrong besides."""
    wrong: list[str] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)

    @property
    def full(self) -> list[Look]:
        """The looks since the caches were full."""
        first = next((number for number, each in enumerate(self.looks) if each.in_caches >= FULL * CACHE_BYTES), len(self.looks))
        return self.looks[first:]

    @property
    def growth(self) -> dict[str, float]:
        """Of what is held since the caches were full, by kind, by the straight line."""
        return growth([each.held for each in self.full])


class Caller:
    """One of them, with keys of his own, so that nobody's change is in another's way."""

    def __init__(self, client: AsyncClient, number: int, seed: int, found: Mixed, left: Callable[[], bool]) -> None:
        self._client, self._number, self._found, self._left = client, number, found, left
        self._random = Random(seed * 1000 + number)  # noqa: S311 - a repeatable load
        self._keys: deque[str] = deque()
        self._blobs: deque[tuple[str, bytes, bytes, dict[str, str]]] = deque(maxlen=BLOBS_KEPT)
        self._count = 0

    async def run(self) -> None:
        """Call until nobody has a call left: once in each way, then as chance has it."""
        uses: list[tuple[Callable[[], Awaitable[int]], int]] = [
            (self._encrypt, 20),
            (self._decrypt, 20),
            (self._data_key, 6),
            (self._look, 4),
            (self._encrypt_batch, 12),
            (self._decrypt_batch, 12),
            *[
                (change, 1)
                for change in (self._replace, self._rotate, self._tag, self._put_policy, self._grant, self._alias, self._describe)
            ],
        ]
        for _ in range(KEYS_EACH):
            await self._create()
        ways, shares = [use for use, _ in uses], [share for _, share in uses]
        first = iter(ways)
        while self._left():
            use = next(first, None) or self._random.choices(ways, shares)[0]
            try:
                self._found.calls[use.__name__.strip("_")] += await use()
            except KmsServiceError as fault:
                self._found.refused[fault.code] += 1
                if fault.code not in EXPECTED:
                    self._found.wrong.append(f"{use.__name__}: {fault}")

    # ---- uses; each answers how many calls it was

    async def _encrypt(self) -> int:
        key_id, plaintext, context = self._something()
        answer = await self._client.encrypt(key_id=key_id, plaintext=plaintext, encryption_context=context, timeout=CALL_SECONDS)
        self._blobs.append((key_id, plaintext, answer.ciphertext_blob, context))
        return 1

    async def _decrypt(self) -> int:
        for _, plaintext, blob, context in self._chosen(1):
            answer = await self._client.decrypt(ciphertext_blob=blob, encryption_context=context, timeout=CALL_SECONDS)
            self._compare(plaintext, answer.plaintext)
        return 1

    async def _data_key(self) -> int:
        await self._client.generate_data_key(key_id=self._key(), key_spec="AES_256", timeout=CALL_SECONDS)
        return 1

    async def _look(self) -> int:
        await self._client.describe_key(key_id=self._key(), timeout=CALL_SECONDS)
        await self._client.list_grants(key_id=self._key(), timeout=CALL_SECONDS)
        return 2

    async def _encrypt_batch(self) -> int:
        made = [self._something() for _ in range(ITEMS)]
        items: list[EncryptFields] = [
            {"key_id": key_id, "plaintext": plaintext, "encryption_context": context} for key_id, plaintext, context in made
        ]
        for (key_id, plaintext, context), answer in zip(made, await self._client.encrypt_batch(items, timeout=CALL_SECONDS), strict=True):
            if isinstance(answer, KmsServiceError):
                raise answer
            self._blobs.append((key_id, plaintext, answer.ciphertext_blob, context))
        return ITEMS

    async def _decrypt_batch(self) -> int:
        chosen = self._chosen(ITEMS)
        items: list[DecryptFields] = [{"ciphertext_blob": blob, "encryption_context": context} for _, _, blob, context in chosen]
        answers = await self._client.decrypt_batch(items, timeout=CALL_SECONDS) if items else []
        for (_, plaintext, _, _), answer in zip(chosen, answers, strict=True):
            if isinstance(answer, KmsServiceError):
                raise answer
            self._compare(plaintext, answer.plaintext)
        return len(items)

    # ---- changes of keys; each is followed by what leaves as many keys, tags and grants as there were

    async def _create(self) -> None:
        made = await self._client.create_key(policy=self._policy(), timeout=CALL_SECONDS)
        self._keys.append(made.key_metadata.key_id)

    async def _replace(self) -> int:
        await self._create()
        gone = self._keys.popleft()
        self._blobs = deque((each for each in self._blobs if each[0] != gone), maxlen=BLOBS_KEPT)
        await self._client.schedule_key_deletion(key_id=gone, pending_window_in_days=WINDOW_DAYS, timeout=CALL_SECONDS)
        return 2

    async def _rotate(self) -> int:
        await self._client.rotate_key_on_demand(key_id=self._key(), timeout=CALL_SECONDS)
        return 1

    async def _tag(self) -> int:
        key_id, number = self._key(), self._next()
        await self._client.tag_resource(key_id=key_id, tags=[{"tag_key": "number", "tag_value": f"{number}"}], timeout=CALL_SECONDS)
        await self._client.untag_resource(key_id=key_id, tag_keys=["number"], timeout=CALL_SECONDS)
        return 2

    async def _put_policy(self) -> int:
        await self._client.put_key_policy(key_id=self._key(), policy=self._policy(), timeout=CALL_SECONDS)
        return 1

    async def _grant(self) -> int:
        key_id, principal = self._key(), "arn:aws:iam::111122223333:user/alice"
        made = await self._client.create_grant(
            key_id=key_id, grantee_principal=principal, operations=["Encrypt", "Decrypt"], timeout=CALL_SECONDS
        )
        await self._client.revoke_grant(key_id=key_id, grant_id=made.grant_id, timeout=CALL_SECONDS)
        return 2

    async def _alias(self) -> int:
        name = f"alias/mixed-{self._number}-{self._next()}"
        await self._client.create_alias(alias_name=name, target_key_id=self._key(), timeout=CALL_SECONDS)
        await self._client.encrypt(key_id=name, plaintext=b"by its alias", timeout=CALL_SECONDS)
        await self._client.delete_alias(alias_name=name, timeout=CALL_SECONDS)
        return 3

    async def _describe(self) -> int:
        await self._client.update_key_description(key_id=self._key(), description=f"number {self._next()}", timeout=CALL_SECONDS)
        return 1

    # ---- what they take

    def _key(self) -> str:
        return self._keys[self._random.randrange(len(self._keys))]

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _policy(self) -> str:
        return POLICY.format(number=self._next() if self._random.random() < FRESH else self._number)

    def _something(self) -> tuple[str, bytes, dict[str, str]]:
        """A key, a plaintext and sometimes a context that was never seen."""
        context = {"object": f"{self._number}-{self._next()}"} if self._random.random() < FRESH else {}
        return self._key(), self._random.randbytes(32), context

    def _chosen(self, count: int) -> list[tuple[str, bytes, bytes, dict[str, str]]]:
        return self._random.choices(self._blobs, k=count) if self._blobs else []

    def _compare(self, plaintext: bytes, opened: bytes) -> None:
        if opened != plaintext:
            self._found.wrong.append("a ciphertext opens to something else")


async def mixed(deployment: Deployment, calls: int, looks: int, seed: int, told: Callable[[Look], None]) -> Mixed:
    """So many calls of a Region that serves, with so many looks at its process at even distances."""
    found, pid = Mixed(), deployment.processes[HOME].pid
    async with AsyncClient(_patient(deployment.endpoint(HOME, "developer"))) as client:
        callers = [Caller(client, number, seed, found, lambda: found.calls.total() < calls) for number in range(CALLERS)]
        running = asyncio.gather(*[each.run() for each in callers])
        while not running.done():
            await asyncio.wait([running], timeout=0.1)
            done = found.calls.total()
            if done >= calls * len(found.looks) // looks or running.done():
                found.looks.append(await asyncio.to_thread(_look, deployment, pid, done))
                told(found.looks[-1])
        await running
    if unforeseen := deployment.metrics(HOME).get('meridian_security_events_total{event="UnforeseenFault"}'):
        found.wrong.append(f"{unforeseen:.0f} faults that nobody foresaw; the log names them")
    return found


def _patient(endpoint: Endpoint) -> Endpoint:
    """One whose client sends again what a busy machine has no room for."""
    return Endpoint(endpoint.target, endpoint.ca, endpoint.certificate, endpoint.private_key)


def _look(deployment: Deployment, pid: int, calls: int) -> Look:
    start = 'meridian_cache_bytes{cache="'
    caches = {name.split('"')[1]: int(value) for name, value in deployment.metrics(HOME).items() if name.startswith(start)}
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Look(calls, held_by(pid, calls), int(status["RssAnon"].split()[0]) << 10, caches)

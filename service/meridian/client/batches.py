"""Many items as batches: cut into messages that a Region takes, put together again in their order, and what was throttled, or failed for
now, sent again."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from meridian.client.attempts import ATTEMPTS_MAX, FAILED_FOR_NOW, require_seconds
from meridian.client.method import Method
from meridian.client.methods import BATCH_BYTES_MAX, BATCHES
from meridian.client.retry_budget import RetryBudget
from meridian.client.service_error import KmsServiceError
from meridian.client.statuses import THROTTLED, error_of_status, passed_deadline
from meridian.client.values import message

Item = Mapping[str, object] | Message
"""The fields of a single call, or its request."""
ITEM_FRAME_BYTES: Final = 6
"""What surrounds an item in a message, at most."""
LEFT_SECONDS_MIN: Final = 0.001
"""A message that is sent has so much of the time that is left, at least."""
AGAIN_SECONDS: Final = 0.05
AGAIN_SECONDS_MAX: Final = 2.0
"""Between two rounds of what was throttled, at least: twice as long after each, and as long as the Region says in any case. What the Region
failed for now waits twice that, as gRPC's own tries do."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items that are sent in one message."""

    numbers: Sequence[int]
    """Their places among all items."""
    request: Message
    pause: float
    """Seconds to wait before it is sent."""


class Batching:
    """One call of a client with many items: which chunk comes next, and what became of each item."""

    def __init__(self, method: Method[Any, Any], items: Sequence[Item], timeout: float | None, budget: RetryBudget) -> None:
        """Raises: ValueError; TypeError for what is no item."""
        require_seconds(timeout)
        self._method = method
        self._budget = budget
        batch = BATCHES[method.name]
        self._most = batch.items_max
        self._requests = [_request(method.name, batch.request_class, item) for item in items]
        self._sizes = [request.ByteSize() + ITEM_FRAME_BYTES for request in self._requests]
        for number, size in enumerate(self._sizes):
            if size > BATCH_BYTES_MAX:
                raise ValueError(f"items[{number}]: is longer than a batch may be, {BATCH_BYTES_MAX:,} bytes")
        self._outcomes: list[Any] = [None] * len(self._requests)
        self._waiting = list(range(len(self._requests)))
        self._again: dict[int, float] = {}
        """Items that are sent again, each with the moment from which on."""
        self._failures: Counter[int] = Counter()
        """How often the Region failed an item for now."""
        self._pause = AGAIN_SECONDS
        self._until = time.monotonic() + (timeout or method.seconds)

    @property
    def seconds_left(self) -> float:
        """Of the time of all items."""
        return max(LEFT_SECONDS_MIN, self._until - time.monotonic())

    def next_chunk(self) -> Chunk | None:
        """What is sent next; None where nothing is left, or no time."""
        if not self._waiting:
            self._begin_round()
        if not self._waiting or time.monotonic() >= self._until:
            return None
        numbers = self._fitting()
        self._waiting = self._waiting[len(numbers) :]
        request = self._method.request_class(items=[self._requests[number] for number in numbers])
        due = max((self._again.pop(number, 0.0) for number in numbers), default=0.0)
        return Chunk(numbers, request, max(0.0, due - time.monotonic()))

    def answered(self, chunk: Chunk, answer: Any) -> None:
        """Keep what the Region answers to each item. What it throttles is sent again where there is time, and what it failed for now as
        often as a call: the message itself was answered, so that nobody else does."""
        failed = []
        for number, item in zip(chunk.numbers, answer.items, strict=True):
            outcome = error_of_status(item.error) if item.WhichOneof("outcome") == "error" else item.answer
            self._settle(number, outcome)
            if isinstance(outcome, KmsServiceError) and outcome.code in FAILED_FOR_NOW:
                failed.append(number)
        self._failures.update(failed)
        if failed and self._budget.failed():
            for number in failed:
                if self._failures[number] < ATTEMPTS_MAX:
                    self._send_again(number, 2 * self._pause)

    def failed(self, chunk: Chunk, error: KmsServiceError) -> None:
        """The error of a whole chunk is that of each of its items."""
        for number in chunk.numbers:
            self._settle(number, error)

    def outcomes(self) -> list[Any]:
        """Of each item its answer, or the KmsServiceError that it met last."""
        return [passed_deadline() if outcome is None else outcome for outcome in self._outcomes]

    def _settle(self, number: int, outcome: Any) -> None:
        self._outcomes[number] = outcome
        if isinstance(outcome, KmsServiceError) and outcome.code == THROTTLED:
            self._send_again(number, max(outcome.retry_after_seconds or 0.0, self._pause))

    def _send_again(self, number: int, wait: float) -> None:
        due = time.monotonic() + wait * (1 + os.urandom(1)[0] / 1024)  # up to a quarter more, so that callers do not come back together
        if due < self._until:
            self._again[number] = due

    def _begin_round(self) -> None:
        """What is sent again waits now, the first that may be sent first."""
        self._waiting = sorted(self._again, key=self._again.__getitem__)
        self._pause = min(2 * self._pause, AGAIN_SECONDS_MAX)

    def _fitting(self) -> list[int]:
        """The next items, as many as a message holds."""
        numbers, size = [], 0
        for number in self._waiting[: self._most]:
            size += self._sizes[number]
            if size > BATCH_BYTES_MAX:
                break
            numbers.append(number)
        return numbers


def _request(batch: str, kind: type[Message], item: Item) -> Message:
    """Raises: TypeError for the request of another call, or a field that it does not have; ValueError for a word that is none."""
    if isinstance(item, Message) and not isinstance(item, kind):
        raise TypeError(f"an item of {batch} is a {kind.DESCRIPTOR.name}, not a {item.DESCRIPTOR.name}")
    made = message(kind, item)
    if made is None:
        raise TypeError(f"an item of {batch} is a {kind.DESCRIPTOR.name} or its fields, not None")
    return made

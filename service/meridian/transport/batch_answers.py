"""What became of each item of a batch, as the answer says it: a message, or the very status that the single call would have ended with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from meridian.call import Call
from meridian.contract.batches import items_of
from meridian.errors import KmsError
from meridian.transport.call_edge import Walk
from meridian.transport.error_table import status_of

BatchWalk = Callable[[Call], Awaitable[Sequence[Message | KmsError]]]


@dataclass(frozen=True, slots=True)
class Walks:
    """Through the pipeline: of one call, and of a batch of them."""

    one: Walk
    many: BatchWalk


def answering(walk: BatchWalk) -> Callable[[Call], Awaitable[Message]]:
    """The walk of a batch whose outcomes become its answer."""

    async def answered(call: Call) -> Message:
        return answer_of(call, await walk(call))

    return answered


def answer_of(call: Call, outcomes: Sequence[Message | KmsError]) -> Message:
    """The answer to a batch."""
    answer = call.rpc.response_class()
    items: Any = items_of(answer)
    for outcome in outcomes:
        item = items.add()
        if isinstance(outcome, KmsError):
            item.error.CopyFrom(status_of(outcome, call.request_id))
        else:
            item.answer.CopyFrom(outcome)
    return answer

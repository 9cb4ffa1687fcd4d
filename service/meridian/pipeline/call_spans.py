"""A span for each call that is let in or turned away by its rates: which operation, how it ended, and no word of whose keys.

Key ARNs, aliases, accounts and principals are told where the settings name them; plaintexts, encryption contexts and tokens never are.
A call whose caller could not prove who he is makes none: a stranger fills no collector.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final, TypeVar

from meridian.call import Call
from meridian.ports.traces import Attributes, Traces

T = TypeVar("T")

SEPARATOR: Final = " "
SHOWN_WHERE_ASKED_FOR: Final[Mapping[str, Callable[[Call], str]]] = {
    "account": lambda call: call.principal.account if call.principal is not None else "",
    "principal": lambda call: call.principal.arn if call.principal is not None else "",
    "key": lambda call: SEPARATOR.join(sorted({key.arn for key in call.keys.values()})),
    "alias": lambda call: SEPARATOR.join(sorted(set(call.aliases.values()))),
}
"""THE table of what names somebody, by its word in `tracing.attributes`."""
PREFIX: Final = "meridian."


class CallSpans:
    """Makes the spans of calls."""

    def __init__(self, traces: Traces, shown: Collection[str]) -> None:
        """`shown`: words of the table above."""
        self._traces = traces
        self._shown = tuple((PREFIX + name, SHOWN_WHERE_ASKED_FOR[name]) for name in shown)

    def of(self, call: Call, walk: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """The call's walk, as a span where anybody asks for it."""
        return self._told_walk(call, walk) if self._traces.are_kept else walk

    async def _told_walk(self, call: Call, walk: Coroutine[Any, Any, T]) -> T:
        with self.around(call):
            return await walk

    def around(self, call: Call) -> AbstractContextManager[None]:
        """The call's walk goes inside."""
        return self._traces.serving(call.rpc.name, call.evidence.traceparent, partial(self._told, call))

    def _told(self, call: Call) -> Attributes:
        found = [
            ("rpc.method", call.rpc.path.lstrip("/")),
            ("meridian.wire", call.evidence.wire.value),
            ("meridian.request_id", call.request_id),
            ("meridian.key_spec", SEPARATOR.join(sorted({key.key_spec.value for key in call.keys.values()}))),
            ("meridian.batch_item", "" if call.item is None else str(call.item.index)),
            *((name, read(call)) for name, read in self._shown),
        ]
        return [(name, value) for name, value in found if value]

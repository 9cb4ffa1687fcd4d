"""A call that ends after its change was committed, and before it heard of that, has one record: that of the change."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.property.test_record_bounds import KEY, NOW, PRINCIPAL, audit_of
from tests.reported_events import ReportedEvents

from meridian.call import Call, Evidence
from meridian.contract.catalog import rpcs
from meridian.errors import CUTS, Cut
from meridian.ports.store.audit_streams import StreamHead
from meridian.ports.store.faults import StoreUnavailable


class Log:
    """A stream and a database, of which the database has committed the event, has not, or does not answer."""

    def __init__(self, committed: bool | None) -> None:
        self.head = StreamHead("s", 0, "", 0)
        self.records: list[tuple[str, dict[str, Any]]] = []
        self.reserved = 0
        self._committed = committed
        uow: Any = self
        self.audit_events = uow

    async def append(self, record: dict[str, Any]) -> None:
        self.records.append(("call", record))

    async def append_change(self, record: dict[str, Any], *, is_promised: bool) -> None:
        self.records.append(("change", record))

    async def reserve(self) -> None:
        self.reserved += 1

    def release(self) -> None:
        self.reserved -= 1

    @asynccontextmanager
    async def reading(self) -> Any:
        yield self

    async def insert(self, event_id: str, body: bytes, *, owner: str) -> None: ...

    async def read(self, event_ids: list[str]) -> list[str]:
        if self._committed is None:
            raise StoreUnavailable(reason="away")
        return event_ids if self._committed else []

    def note(self, call: Call, event_id: str) -> None: ...


def call_that_changed() -> Call:
    rpc = rpcs()["DisableKey"]
    call = Call(rpc, rpc.request_class(key_id=KEY.arn), Evidence(), "the-call", NOW)
    call.principal, call.keys = PRINCIPAL, {"key_id": KEY}
    return call


@pytest.mark.parametrize("cut", list(Cut), ids=lambda cut: cut.name)
@pytest.mark.parametrize(("committed", "kind"), [(True, "change"), (False, "call"), (None, "call")])
def test_it_is_the_one_that_stands(cut: Cut, committed: bool | None, kind: str) -> None:
    log, call = Log(committed), call_that_changed()
    audit, uow = audit_of(log, ReportedEvents()), log

    async def story() -> None:
        transaction: Any = uow
        await audit.record(transaction, call)
        call.error = CUTS[cut]()
        await audit.close(call)

    asyncio.run(story())
    assert call.event_recorded is not None
    ((told, record),) = log.records
    code, event_id = CUTS[cut]().code, call.event_recorded["eventID"]
    assert told == kind
    assert (record["eventID"] == event_id) is bool(committed)
    assert record.get("errorCode") == (None if committed else code)
    assert record["meridian"].get("unheard") == (code if committed else None)
    assert record["meridian"].get("undecidedEvent") == (event_id if committed is None else None)
    assert log.reserved == 0


def test_a_call_that_begins_anew_gives_back_what_it_had_set_aside() -> None:
    log, call = Log(False), call_that_changed()
    audit = audit_of(log, ReportedEvents())
    transaction: Any = log
    asyncio.run(audit.record(transaction, call))
    audit.withdraw(call)
    assert (log.reserved, call.event_recorded) == (0, None)

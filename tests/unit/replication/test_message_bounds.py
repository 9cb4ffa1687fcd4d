"""Everything in a message between Regions has a bound."""

from __future__ import annotations

from typing import Any

import pytest

from meridian.peer.v1 import replication_pb2 as wire
from meridian.replication.message_bounds import LENGTHS, LISTS, OutOfBounds, require_bounds


def fields() -> list[Any]:
    return [field for message in wire.DESCRIPTOR.message_types_by_name.values() for field in message.fields]


def test_every_text_and_list_of_the_contract_has_a_row() -> None:
    assert {f.name for f in fields() if f.is_repeated} == set(LISTS)
    assert {f.name for f in fields() if f.type in (f.TYPE_STRING, f.TYPE_BYTES)} == set(LENGTHS)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (wire.SetState(members=[wire.SetMember(region=f"r{n}") for n in range(65)]), "members"),
        (wire.DeliverSetStateRequest(links=[wire.TermLink()] * 33), "links"),
        (wire.DeliverSetStateRequest(envelopes=[b"x"] * 1_001), "envelopes"),
        (wire.DeliverSetStateRequest(envelopes=[b"x" * 16_385]), "envelopes"),
        (wire.CompareRequest(digests=[wire.SetDigest()] * 201), "digests"),
        (wire.ResolveRequest(serial="a" * 63), "serial"),
        (wire.ResolveRequest(serial="A" * 64), "serial"),
        (wire.ResolveRequest(set=wire.KeySetName(account="1", key_id="mrk-" + "0" * 32)), "account"),
        (wire.GetSetRequest(set=wire.KeySetName(account="1" * 12, key_id="../etc")), "key_id"),
        (wire.DeliverHeldRequest(request_id="r" * 65), "request_id"),
        (wire.PrepareRequest(caller=wire.CallerOnBehalf(user_agent="u" * 1_025)), "user_agent"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_message_out_of_its_bounds_is_refused_by_the_name_of_the_field(message: Any, named: str) -> None:
    with pytest.raises(OutOfBounds, match=f"^{named} "):
        require_bounds(message)


def test_a_message_at_its_bounds_passes() -> None:
    name = wire.KeySetName(account="1" * 12, key_id="mrk-" + "0" * 32)
    require_bounds(wire.ResolveRequest(set=name, serial="0" * 64))
    require_bounds(wire.DeliverSetStateRequest(links=[wire.TermLink()] * 32, envelopes=[b"x" * 16_384] * 3))

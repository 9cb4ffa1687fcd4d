"""Everything in a message between Regions has a bound."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from meridian.peer.v1 import replication_pb2 as wire
from meridian.replication.sets.authority import LINKS_MAX
from meridian.replication.wire.message_bounds import LENGTHS, LISTS, NUMBERS, OutOfBounds, require_bounds
from meridian.replication.wire.set_state import decode_set_state

TEXTS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


def fields() -> list[Any]:
    return [field for message in wire.DESCRIPTOR.message_types_by_name.values() for field in message.fields]


def test_every_text_list_and_number_of_the_contract_has_a_row() -> None:
    others = (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_BOOL, *TEXTS)
    numbers = {f.name for f in fields() if f.type not in others}
    assert numbers == set(NUMBERS)
    assert max(NUMBERS.values()) < 2**63, "what the databases keep"
    assert {f.name for f in fields() if f.is_repeated} == set(LISTS)
    assert {f.name for f in fields() if f.type in (f.TYPE_STRING, f.TYPE_BYTES)} == set(LENGTHS)


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (wire.SetState(members=[wire.SetMember(region=f"r{n}") for n in range(65)]), "members"),
        (wire.DeliverSetStateRequest(links=[wire.TermLink()] * 33), "links"),
        (wire.DeliverSetStateRequest(envelopes=[b"x"] * 1_001), "envelopes"),
        (wire.DeliverSetStateRequest(envelopes=[b"x" * 16_385]), "envelopes"),
        (wire.DeliverSetStateRequest(signed_state=b"x" * (LENGTHS["signed_state"] + 1)), "signed_state"),
        (wire.CompareRequest(digests=[wire.SetDigest()] * 201), "digests"),
        (wire.ResolveRequest(serial="a" * 63), "serial"),
        (wire.ResolveRequest(serial="A" * 64), "serial"),
        (wire.ResolveRequest(set=wire.KeySetName(account="1", key_id="mrk-" + "0" * 32)), "account"),
        (wire.GetSetRequest(set=wire.KeySetName(account="1" * 12, key_id="../etc")), "key_id"),
        (wire.DeliverHeldRequest(request_id="r" * 65), "request_id"),
        (wire.PrepareRequest(caller=wire.CallerOnBehalf(user_agent="u" * 1_025)), "user_agent"),
        (wire.PrepareRequest(caller=wire.CallerOnBehalf(user_agent="u\x00")), "user_agent"),
        (wire.DeliverHeldRequest(request_id="r\x00"), "request_id"),
        (wire.DeliverGoneRequest(request_id="r\x1b[31m"), "request_id"),
        (wire.GetSetRequest(incarnation=2**53), "incarnation"),
        (wire.DeliverSetStateRequest(sequence=2**64 - 1), "sequence"),
        (wire.CompareRequest(digests=[wire.SetDigest(version=2**63)]), "version"),
        (wire.CompareResponse(comparisons=[wire.SetComparison(term_number=2**53)]), "term_number"),
        (wire.SetState(issuing_incarnation=2**63), "issuing_incarnation"),
        (wire.SetState(next_rotation_us=-1), "next_rotation_us"),
        (wire.SetState(materials=[wire.SetMaterial(rotation_number=1_000_000)]), "rotation_number"),
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
    require_bounds(wire.GetMaterialsRequest(sequence=2**56 - 1, incarnation=2**53 - 1))
    require_bounds(wire.SetState(materials=[wire.SetMaterial(rotation_number=999_999, description="Schlüssel\nfür Ä")]))


def test_a_signed_state_with_a_number_that_ends_all_rotation_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="rotation_number"):
        decode_set_state(wire.SetState(materials=[wire.SetMaterial(rotation_number=2**63 - 1)]).SerializeToString())


def test_a_signed_state_has_room_for_all_members_and_materials_and_no_more() -> None:
    largest = wire.SetState(
        deployment="d" * LENGTHS["deployment"],
        partition="p" * LENGTHS["partition"],
        set=wire.KeySetName(account="1" * 12, key_id="mrk-" + "0" * 32),
        issuing_region="r" * LENGTHS["issuing_region"],
        term_origin="r" * LENGTHS["term_origin"],
        primary="r" * LENGTHS["primary"],
        term_issuer="r" * LENGTHS["term_issuer"],
        current="0" * 64,
        pending="0" * 64,
        members=[wire.SetMember(region="r" * LENGTHS["region"], serial="0" * 64, status="s" * LENGTHS["status"])] * LISTS["members"],
        materials=[
            wire.SetMaterial(
                material_id="0" * 64,
                rotation_number=LISTS["materials"],
                rotated_us=2**53 - 1,
                rotation_type="t" * LENGTHS["rotation_type"],
                description="d" * LENGTHS["description"],
            )
        ]
        * LISTS["materials"],
    )
    require_bounds(largest)
    frame_and_signature = 256
    assert 0 < LENGTHS["signed_state"] - largest.ByteSize() - frame_and_signature < 16_384


def test_a_message_holds_as_many_links_as_a_set_keeps() -> None:
    assert LISTS["links"] == LINKS_MAX

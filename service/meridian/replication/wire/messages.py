"""What Regions ask each other about sets, as messages of the peer protocol: the one translation, both ways.

What cannot be read is ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence

from meridian.domain.multi_region import RowStatus, Stamp, Term, TermLink
from meridian.domain.peer_message import SetComparison, SetDigest, SetShown
from meridian.peer.v1 import replication_pb2 as wire


def digest_message(digest: SetDigest) -> wire.SetDigest:
    term, version = digest.stamp
    return wire.SetDigest(
        set=wire.KeySetName(account=digest.account, key_id=digest.key_id),
        serial=digest.serial,
        term_generation=term.generation,
        term_origin=term.origin,
        term_number=term.number,
        version=version,
        materials_hash=digest.materials_hash,
        joins_later_generation=digest.joins_later_generation,
        receiver_serial=digest.receiver_serial,
        state_hash=digest.state_hash,
    )


def digest_of(message: wire.SetDigest) -> SetDigest:
    stamp = Stamp(Term(message.term_generation, message.term_origin, message.term_number), message.version)
    name = message.set
    return SetDigest(
        account=name.account,
        key_id=name.key_id,
        serial=message.serial,
        stamp=stamp,
        materials_hash=message.materials_hash,
        joins_later_generation=message.joins_later_generation,
        receiver_serial=message.receiver_serial,
        state_hash=message.state_hash,
    )


def comparison_message(comparison: SetComparison) -> wire.SetComparison:
    term, version = comparison.stamp
    return wire.SetComparison(
        declared_lost=comparison.declared_lost,
        is_behind=comparison.is_behind,
        tell_held=comparison.tell_held,
        term_generation=term.generation,
        term_origin=term.origin,
        term_number=term.number,
        version=version,
        is_gone=comparison.is_gone,
    )


def comparison_of(message: wire.SetComparison) -> SetComparison:
    stamp = Stamp(Term(message.term_generation, message.term_origin, message.term_number), message.version)
    return SetComparison(stamp, message.declared_lost, message.is_behind, message.tell_held, message.is_gone)


def shown_message(shown: SetShown) -> wire.GetSetResponse:
    return wire.GetSetResponse(
        status=shown.status,
        serial=shown.serial,
        signed_state=shown.signed_state,
        issuer_public_key=shown.issuer_public_key,
        links=link_messages(shown.links),
        lost=sorted(shown.lost),
        stale=shown.stale,
        rejoin=shown.rejoin,
        material_ids=sorted(shown.material_ids),
        successor=shown.successor,
    )


def shown_of(message: wire.GetSetResponse) -> SetShown:
    return SetShown(
        status=RowStatus(message.status),
        serial=message.serial,
        signed_state=message.signed_state,
        issuer_public_key=message.issuer_public_key,
        links=links_of(message.links),
        lost=frozenset(message.lost),
        stale=message.stale,
        rejoin=message.rejoin,
        material_ids=frozenset(message.material_ids),
        successor=message.successor,
    )


def link_messages(links: Sequence[TermLink]) -> list[wire.TermLink]:
    return [wire.TermLink(signed_state=link.signed, transport_public_key=link.public_key) for link in links]


def links_of(messages: Sequence[wire.TermLink]) -> tuple[TermLink, ...]:
    return tuple(TermLink(message.signed_state, message.transport_public_key) for message in messages)

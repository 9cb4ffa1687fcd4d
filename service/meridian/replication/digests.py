"""The short form in which Regions compare what they know of the sets they share.

Source: docs/spec/multi-region.md, Regions compare.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from meridian.domain.key import Key
from meridian.domain.multi_region import SetRow, Stamp, Term
from meridian.domain.peer_message import SetDigest

UNKNOWN: Final = Stamp(Term(0, "", 0), 0)


@dataclass(frozen=True, slots=True)
class Known:
    """A set as this Region knows it, with what is stored of its key."""

    row: SetRow
    key: Key | None

    @property
    def stamp(self) -> Stamp:
        return self.row.view.stamp if self.row.view is not None else UNKNOWN


def materials_hash(material_ids: Iterable[str]) -> bytes:
    """Equal for equal sets of materials."""
    return sha256("".join(sorted(material_ids)).encode()).digest()


def state_hash(row: SetRow) -> bytes:
    """Equal for the same signed state."""
    return sha256(row.signed_view).digest() if row.signed_view else b""


def digest_for(known: Known, region: str) -> SetDigest:
    """What that Region is told of this set."""
    row, key = known.row, known.key
    member = row.view.find_member(region) if row.view is not None else None
    present = [m.material_id for m in key.materials if m.is_present] if key is not None else []
    return SetDigest(
        account=row.account,
        key_id=row.key_id,
        serial=row.serial,
        stamp=known.stamp,
        materials_hash=materials_hash(present),
        joins_later_generation=bool(row.lost or row.rejoin),
        receiver_serial=member.serial if member is not None else "",
        state_hash=state_hash(row),
    )


def says_another(row: SetRow, digest: SetDigest) -> bool:
    """Whether the other Region has another state under the stamp that this one has."""
    own, theirs = state_hash(row), digest.state_hash
    return row.view is not None and row.view.stamp == digest.stamp and bool(own and theirs) and own != theirs

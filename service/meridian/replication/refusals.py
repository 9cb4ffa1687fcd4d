"""What the gate refuses is a security event: told with the Region that said it, the set, and the rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from meridian.domain.multi_region import ToldLost
from meridian.errors import AccessDeniedException
from meridian.ports.security_events import SecurityEvent, SecurityEvents
from meridian.replication.sets.claims import NotBelieved, Told


class Refusals:
    """Tells refusals of the gate, wherever they happen."""

    def __init__(self, events: SecurityEvents) -> None:
        self._events = events

    def tell(self, peer: str, account: str, key_id: str, refusal: NotBelieved) -> None:
        """Report that something this peer said about this set was refused."""
        self._events.report(
            SecurityEvent.PEER_MESSAGE_REFUSED, subject=peer, account=account, keyId=key_id, rule=str(refusal.rule), reason=str(refusal)
        )

    def tell_gone_on(self, account: str, key_id: str, shown: ToldLost) -> None:
        """Report that signed states have shown how this set goes on without this Region."""
        self._events.report(
            SecurityEvent.SET_GONE_ON, subject=shown.region, account=account, keyId=key_id, generation=str(shown.generation)
        )

    def tell_signed_twice(self, account: str, key_id: str, shown: Told) -> None:
        """Report that a Region has signed two different states of this set under one stamp."""
        (generation, _, number), version = shown.state.stamp
        self._events.report(
            SecurityEvent.SET_SIGNED_TWICE, subject=shown.signer, account=account, keyId=key_id, state=f"{generation}.{number}.{version}"
        )

    def tell_too_many_changes(self, peer: str, account: str, key_id: str, refused: int) -> None:
        """Report that a Region changes this set, and maybe others, too often; so many changes were refused since the last time."""
        self._events.report(SecurityEvent.PEER_CHANGES_REFUSED, subject=peer, account=account, keyId=key_id, refused=str(refused))

    @contextmanager
    def telling(self, peer: str, account: str, key_id: str) -> Iterator[None]:
        """A refusal inside is told, and is AccessDeniedException for whoever called."""
        try:
            yield
        except NotBelieved as refusal:
            self.tell(peer, account, key_id, refusal)
            raise AccessDeniedException(str(refusal)) from refusal

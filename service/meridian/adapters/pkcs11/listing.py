"""Which keys of ours a token holds, read a few at a time, so that calls of others pass between.

A search is under way for as long as it is read, which other work of the same session may not be: it has a session of its own.
"""

from __future__ import annotations

import contextlib
from itertools import islice
from typing import Any, Final

from meridian.adapters.pkcs11.library import TokenSession, binding, told
from meridian.domain.identifiers import key_id_of
from meridian.ports.key_store import HeldKey

AT_ONCE: Final = 16
NUMBER_BYTES: Final = 16


class Listing:
    """Used in the token thread alone."""

    def __init__(self, session: TokenSession) -> None:
        """Raises: TokenFault."""
        p = binding()
        with told():
            self._session = session.bound.token.open()  # the user is logged in already
            self._found = self._session.get_objects({p.Attribute.CLASS: p.ObjectClass.SECRET_KEY})

    def some(self) -> list[HeldKey] | None:
        """The next few keys of ours, perhaps none of them; None at the end. Raises: TokenFault."""
        with told():
            objects = list(islice(self._found, AT_ONCE))
            return [key for key in map(_named, objects) if key is not None] if objects else None

    def close(self) -> None:
        """End the search."""
        with contextlib.suppress(binding().PKCS11Error):
            self._found.close()
            self._session.close()


def _named(found: Any) -> HeldKey | None:
    """A key of ours by its names; None for one that somebody else has made."""
    p = binding()
    try:
        number, label = bytes(found[p.Attribute.ID]), str(found[p.Attribute.LABEL])
    except (p.AttributeTypeInvalid, UnicodeDecodeError):
        return None
    is_ours = len(number) == NUMBER_BYTES and label == key_id_of(number, multi_region=False)
    return HeldKey(number, label) if is_ours else None

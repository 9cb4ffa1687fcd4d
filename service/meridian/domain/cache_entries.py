"""What a bounded cache notes of each entry, of each owner of entries, and of each account."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

Owner = Hashable
"""What entries belong to: account and id of a key, or the name of an entry that they are made from."""


def key_owner(account: str, key_id: str) -> Owner:
    """Owner of what is kept about a key, whatever its version."""
    return (account, key_id)


class Owned:
    """The names of what belongs to an owner, until the owner is forgotten."""

    __slots__ = ("is_forgotten", "names", "owner")

    def __init__(self, owner: Owner) -> None:
        self.owner, self.is_forgotten = owner, False
        self.names: dict[Any, None] = {}


class Lookups:
    """How often something was, and was not, there when it was looked for, in all caches of one name that a process has had. Threads that
    look at once may count once."""

    __slots__ = ("hits", "misses")

    def __init__(self) -> None:
        self.hits = self.misses = 0


class Entry:
    """One name's value. `is_used`: it was asked for since it was looked at last, to see whether it leaves."""

    __slots__ = ("__weakref__", "account", "is_used", "owned", "value", "weight")

    def __init__(self, value: Any, weight: int, account: str, owned: tuple[Owned, ...]) -> None:
        self.value, self.weight, self.account, self.owned, self.is_used = value, weight, account, owned, False


class Share:
    """What one account has in a cache: its names, the oldest first."""

    __slots__ = ("bytes", "names")

    def __init__(self) -> None:
        self.bytes = 0
        self.names: OrderedDict[Any, None] = OrderedDict()

    def take_names(self) -> OrderedDict[Any, None]:
        """The names, which it has no more."""
        taken, self.names = self.names, OrderedDict()
        return taken

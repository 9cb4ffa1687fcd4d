"""THE table of the console's pages: what stands at which path, who shows it, and what the menu calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from meridian.console.pages.audit import show_audit
from meridian.console.pages.decisions import show_decision, show_decisions
from meridian.console.pages.deletions import show_deletions
from meridian.console.pages.entry import SIGN_IN, begin_sign_in, end_sign_in, show_sign_in, sign_out
from meridian.console.pages.key import show_key
from meridian.console.pages.key_stores import show_key_stores
from meridian.console.pages.keys import show_keys
from meridian.console.pages.playground import do_try, show_playground
from meridian.console.pages.regions import show_regions
from meridian.console.pages.writes import do_write, show_write
from meridian.console.sign_in import BACK, HOME
from meridian.console.visit import Show

STATIC: Final = "/static/"


@dataclass(frozen=True, slots=True)
class Place:
    """A page."""

    path: str
    show: Show
    methods: tuple[str, ...] = ("GET",)
    menu: str = ""
    """Its name in the menu; no entry where it is empty."""
    is_open: bool = False
    """Whether it is shown to nobody too."""


PLACES: Final[tuple[Place, ...]] = (
    Place(HOME, show_regions, menu="Regions"),
    Place("/keys", show_keys, menu="Keys"),
    Place("/keys/{key_id}", show_key),
    Place("/keys/{key_id}/{write}", show_write),
    Place("/keys/{key_id}/{write}", do_write, methods=("POST",)),
    Place("/deletions", show_deletions, menu="Deletions"),
    Place("/key-stores", show_key_stores, menu="Key stores"),
    Place("/decisions", show_decisions, menu="Decisions"),
    Place("/decisions/{handle}", show_decision),
    Place("/audit", show_audit, menu="Audit"),
    Place("/playground", show_playground, menu="Playground"),
    Place("/playground", do_try, methods=("POST",)),
    Place(SIGN_IN, show_sign_in, is_open=True),
    Place(f"{SIGN_IN}/begin", begin_sign_in, is_open=True),
    Place(BACK, end_sign_in, is_open=True),
    Place("/sign-out", sign_out, methods=("POST",)),
)
OPEN: Final = tuple(place.path for place in PLACES if place.is_open)
MENU: Final = tuple((place.menu, place.path) for place in PLACES if place.menu)


def is_open(path: str) -> bool:
    """Whether nobody is asked there who he is. Everywhere else whoever shows something is judged by it, whether there is a page or not."""
    return path in OPEN or path.startswith(STATIC)

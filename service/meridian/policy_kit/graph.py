"""Who can do what: principals × actions × keys of a file of tests, as rows and as a picture for a review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.language.entities import KeyStoreResource
from meridian.authorization.language.schema_model import SchemaModel
from meridian.policy_kit.fixtures import SCOPE, Fixtures
from meridian.policy_kit.policy_set import decide
from meridian.policy_kit.rows import RowError
from meridian.policy_kit.suites import CELLS_MAX, Suite

CELL, LEFT, TOP, GAP, RIGHT, BOTTOM, LEGEND = 18, 220, 190, 34, 120, 50, 440
INK = "#222222"
STYLE: Final = "font-family: sans-serif; font-size: 12px"


@dataclass(frozen=True, slots=True)
class Look:
    """How an answer is drawn: a mark for eyes that see no difference of colours, and the words of the legend."""

    fill: str
    mark: str
    ink: str
    words: str


ALLOWED: Final = Look("#1b7f4b", "\u2713", "white", "allowed")
DENIED: Final = Look("#e3e3e3", "\u2013", INK, "denied")
FAULT: Final = Look("#c23b22", "!", "white", "cannot be decided, so denied")
LOOKS: Final = (ALLOWED, DENIED, FAULT)


@dataclass(frozen=True, slots=True)
class Access:
    """One cell."""

    principal: str
    action: str
    key: str
    allowed: bool
    policy_ids: tuple[str, ...]
    errors: int

    @property
    def look(self) -> Look:
        return FAULT if self.errors else ALLOWED if self.allowed else DENIED


def actions_of(suite: Suite, model: SchemaModel) -> tuple[str, ...]:
    """The actions that a suite is about: those of its cases and matrices, and then those of its invariants that are more."""
    named = [name for invariant in suite.invariants for name in invariant.actions]
    of_invariants = [row.name for row in model.actions.values() if row.resources and not model.ancestors[row.name].isdisjoint(named)]
    return tuple(dict.fromkeys([*(case.request.action for case in suite.cases), *of_invariants]))


def access_of(
    authorizer: Authorizer, fixtures: Fixtures, principals: Sequence[str], actions: Sequence[str], keys: Sequence[str]
) -> tuple[Access, ...]:
    """Every cell that can exist: a call on no key is asked once, on the account. Raises: RowError."""
    if len(principals) * len(actions) * len(keys) > CELLS_MAX:
        raise RowError(f"more than {CELLS_MAX:,} cells; choose among principals, actions or keys")
    found = []
    for action in actions:
        row = authorizer.model.actions.get(action)
        types = frozenset({"Key"}) if row is None else row.resource_types
        fitting = [key for key in keys if _type_of(fixtures, key) in types]
        for principal in principals:
            for key in fitting if types & {"Key", "KeyStore"} else (SCOPE,):
                request = fixtures.request(principal, action, key, {}, {}, authorizer.model)
                decided = decide(authorizer, request)
                found.append(Access(principal, action, key, decided.allowed, decided.policy_ids, decided.errors))
    return tuple(found)


def _type_of(fixtures: Fixtures, key: str) -> str:
    return "KeyStore" if isinstance(fixtures.keys.get(key), KeyStoreResource) else "Key"


def svg_of(cells: Sequence[Access], title: str) -> bytes:
    """One block of squares a key: principals down, actions across, with a legend; a tip tells by which policy."""
    principals = list(dict.fromkeys(cell.principal for cell in cells))
    actions = list(dict.fromkeys(cell.action for cell in cells))
    keys = list(dict.fromkeys(cell.key for cell in cells))
    block = len(principals) * CELL + GAP
    width, height = LEFT + max(len(actions) * CELL + RIGHT, LEGEND), TOP + len(keys) * block + BOTTOM
    root = Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}", width=str(width), height=str(height), style=STYLE
    )
    SubElement(root, "title").text = title
    SubElement(root, "rect", width=str(width), height=str(height), fill="white")
    for at, action in enumerate(actions):
        x = LEFT + at * CELL + CELL - 5
        _text(root, action, x, TOP - 26, transform=f"rotate(-55 {x} {TOP - 26})")
    for at, key in enumerate(keys):
        _block(root, TOP + at * block, key, principals, actions, [cell for cell in cells if cell.key == key])
    _legend(root, TOP + len(keys) * block)
    body: bytes = tostring(root, encoding="utf-8")
    return body


def _block(root: Element, top: int, key: str, principals: list[str], actions: list[str], cells: list[Access]) -> None:
    _text(root, "no key" if key == SCOPE else f"key {key}", 8, top - 6, **{"font-weight": "bold"})
    for row, principal in enumerate(principals):
        _text(root, principal, LEFT - 8, top + row * CELL + 13, **{"text-anchor": "end"})
    for cell in cells:
        x, y = LEFT + actions.index(cell.action) * CELL, top + principals.index(cell.principal) * CELL
        by = ", ".join(cell.policy_ids) or "nothing"
        tip = f"{cell.principal} {cell.action} {cell.key}: {'allow' if cell.allowed else 'deny'} by {by}"
        SubElement(_square(root, x, y, cell.look), "title").text = tip


def _square(root: Element, x: int, y: int, look: Look) -> Element:
    """A coloured square and its mark, as one thing to point at."""
    group = SubElement(root, "g")
    SubElement(group, "rect", x=str(x), y=str(y), width=str(CELL - 3), height=str(CELL - 3), rx="2", fill=look.fill)
    _text(group, look.mark, x + (CELL - 3) // 2, y + 12, **{"text-anchor": "middle", "fill": look.ink})
    return group


def _legend(root: Element, top: int) -> None:
    """What each mark and colour means."""
    x = LEFT
    for look in LOOKS:
        _square(root, x, top, look)
        _text(root, look.words, x + CELL + 2, top + 12)
        x += CELL + 30 + 7 * len(look.words)


def _text(root: Element, text: str, x: int, y: int, **more: str) -> None:
    SubElement(root, "text", {"x": str(x), "y": str(y), "fill": INK, **more}).text = text

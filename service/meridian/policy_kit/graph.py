"""Who can do what: principals × actions × keys of a file of tests, as rows and as a picture for a review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.language.entities import KeyStoreResource
from meridian.policy_kit.fixtures import SCOPE, Fixtures
from meridian.policy_kit.policy_set import decide
from meridian.policy_kit.rows import RowError
from meridian.policy_kit.suites import CELLS_MAX

CELL, LEFT, TOP, GAP, RIGHT = 18, 220, 190, 34, 120
ALLOW, DENY, FAULT, INK = "#1b7f4b", "#e3e3e3", "#c23b22", "#222222"
STYLE: Final = "font-family: sans-serif; font-size: 12px"


@dataclass(frozen=True, slots=True)
class Access:
    """One cell."""

    principal: str
    action: str
    key: str
    allowed: bool
    policy_ids: tuple[str, ...]
    errors: int


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
    """One block of squares a key: principals down, actions across; a filled square is allowed, a tip tells by which policy."""
    principals = list(dict.fromkeys(cell.principal for cell in cells))
    actions = list(dict.fromkeys(cell.action for cell in cells))
    keys = list(dict.fromkeys(cell.key for cell in cells))
    block = len(principals) * CELL + GAP
    width, height = LEFT + len(actions) * CELL + RIGHT, TOP + len(keys) * block + 20
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
    body: bytes = tostring(root, encoding="utf-8")
    return body


def _block(root: Element, top: int, key: str, principals: list[str], actions: list[str], cells: list[Access]) -> None:
    _text(root, "no key" if key == SCOPE else f"key {key}", 8, top - 6, **{"font-weight": "bold"})
    for row, principal in enumerate(principals):
        _text(root, principal, LEFT - 8, top + row * CELL + 13, **{"text-anchor": "end"})
    for cell in cells:
        x, y = LEFT + actions.index(cell.action) * CELL, top + principals.index(cell.principal) * CELL
        fill = FAULT if cell.errors else ALLOW if cell.allowed else DENY
        square = SubElement(root, "rect", x=str(x), y=str(y), width=str(CELL - 3), height=str(CELL - 3), rx="2", fill=fill)
        by = ", ".join(cell.policy_ids) or "nothing"
        SubElement(square, "title").text = f"{cell.principal} {cell.action} {cell.key}: {'allow' if cell.allowed else 'deny'} by {by}"


def _text(root: Element, text: str, x: int, y: int, **more: str) -> None:
    SubElement(root, "text", {"x": str(x), "y": str(y), "fill": INK, **more}).text = text

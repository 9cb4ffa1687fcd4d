"""Groups carry their account in their id, as every other principal does: `KMS::Group::"111122223333/developers"`.

A group without an account would be that of every account, or of none, so a policy that names one is refused before it can count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from meridian.authorization.language.cedar_text import cedar_text
from meridian.authorization.language.evaluator import Est

GROUP: Final = "KMS::Group"
FORM: Final = re.compile(r"[0-9]{12}/[^/]+", re.DOTALL)


def group_faults(policy: Est, account: str) -> list[str]:
    """What is wrong with the groups that a policy names, and what is meant; `account` is the policy's own, empty where it has none."""
    wrong = dict.fromkeys(name for name in _groups(policy) if not FORM.fullmatch(name))
    return [f"{_shown(name)} has no account; write {_shown(_meant(name, account))}" for name in wrong]


def _meant(name: str, account: str) -> str:
    return f"{account or 'ACCOUNT'}/{name.rpartition('/')[2] or 'NAME'}"


def _shown(name: str) -> str:
    return f"{GROUP}::{cedar_text(name)}"


def _groups(policy: Est) -> Iterator[str]:
    """The id of every group in scopes and conditions. Without recursion: what nests too deeply is refused elsewhere."""
    level: list[Any] = [policy]
    while level:
        node = level.pop()
        if isinstance(node, dict):
            if node.get("type") == GROUP and isinstance(node.get("id"), str):
                yield node["id"]
            level += node.values()
        elif isinstance(node, list):
            level += node

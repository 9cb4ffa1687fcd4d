"""What the converter of AWS's key policies refuses, as the tables of the policy guide."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meridian.authorization.aws_policy.condition_keys import GLOBAL_KEYS, KMS_KEYS
from meridian.authorization.aws_policy.refusal import Why

SAID = re.compile(r"(?<!\{)\{\w+\}(?!\})")
"""What a refusal says more exactly."""


def refusal_tables() -> str:
    """Every row of the table of refusals, and every condition key that has no form, by reason."""
    return "\n".join([*_refusals(), "", *_keys()]) + "\n"


def _refusals() -> Iterator[str]:
    yield "| element | what is refused there |"
    yield "|---|---|"
    for why in Why:
        text = SAID.sub("…", why.text).replace("{{", "{").replace("}}", "}")
        yield f"| {why.where} | {text} |"


def _keys() -> Iterator[str]:
    yield "| condition key | why it has no form here |"
    yield "|---|---|"
    reasons: dict[str, list[str]] = {}
    for key in (*KMS_KEYS, *GLOBAL_KEYS):
        if key.refused:
            reasons.setdefault(key.refused, []).append(key.name)
    for reason, names in reasons.items():
        yield f"| {', '.join(names)} | {reason} |"

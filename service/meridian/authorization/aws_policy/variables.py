"""The variables of AWS that a value may be: tags of the caller, each as a whole value."""

from __future__ import annotations

from typing import Any, Final

from meridian.authorization.aws_policy.refusal import RefusedDocument, Why

VARIABLE: Final = "${aws:PrincipalTag/"


def tag_of_variable(value: Any, place: str, *, variables: bool) -> str | None:
    """The tag that a value names, where the whole value is one variable. Raises: RefusedDocument for other uses of variables."""
    if not isinstance(value, str) or "${" not in value:
        return None
    if not variables:
        raise RefusedDocument(place, Why.VARIABLE_VERSION)
    tag = value.removeprefix(VARIABLE).removesuffix("}")
    if f"{VARIABLE}{tag}}}" != value or not tag or set(tag) & set("${},"):
        raise RefusedDocument(place, Why.VARIABLE)
    return tag

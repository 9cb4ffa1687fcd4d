"""The bearer token of a call, if it carries one."""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "Bearer "


def find_bearer_token(headers: Mapping[str, str]) -> str:
    """The token of the `authorization` header; empty when there is none of this kind."""
    value = headers.get("authorization", "")
    return value.removeprefix(PREFIX) if value.startswith(PREFIX) else ""

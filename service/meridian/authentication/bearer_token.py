"""The bearer token of a call, if it carries one."""

from __future__ import annotations

from collections.abc import Mapping

SCHEME = "bearer"
"""In letters of any case. Source: RFC 9110, section 11.1."""


def find_bearer_token(headers: Mapping[str, str]) -> str:
    """The token of the `authorization` header; empty when there is none of this kind."""
    scheme, space, token = headers.get("authorization", "").partition(" ")
    return token if space and scheme.lower() == SCHEME else ""

"""The name that a caller gives to a change, so that repeating it does nothing again."""

from __future__ import annotations

from typing import Final

CLIENT_TOKEN: Final = "x-meridian-client-token"  # noqa: S105 - a header's name
"""Metadata of gRPC and header of HTTP."""

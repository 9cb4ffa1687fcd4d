"""Fixtures of the authorization tests, for the steps that ask for decisions."""

from __future__ import annotations

from tests.unit.authorization.conftest import authorizer_of, schema

__all__ = ["authorizer_of", "schema"]

"""The policy schema and default policies that come with the package."""

from __future__ import annotations

from pathlib import Path


def policy_folder() -> Path:
    """The folder of the schema, the default policies and their tests: of an installed package, or of the source tree."""
    packaged = Path(__file__).resolve().parents[2] / "policy"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[4] / "policy"


def schema_text() -> str:
    """The policy schema."""
    return (policy_folder() / "meridian.cedarschema").read_text()

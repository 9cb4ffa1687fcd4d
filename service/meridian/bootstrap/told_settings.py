"""The settings as the log of a start tells them: what the file says besides defaults. It names files of secrets and holds none, but for a
password that may stand in the URL of the database, which is left out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from meridian.adapters.store_sql.dialects import database_name
from meridian.domain.limits import Limits
from meridian.settings import Settings


def told_settings(settings: Settings) -> dict[str, Any]:
    """Values that JSON has, nested as in the file."""
    told = settings.model_dump(mode="json", exclude_unset=True)
    told["database"] = database_name(settings.database)
    defaults = asdict(Limits())
    limits = {name: value for name, value in told.pop("limits", {}).items() if value != defaults[name]}
    return {**told, "limits": limits} if limits else told

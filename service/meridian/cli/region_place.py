"""Where one Region of a development deployment lives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class RegionPlace:
    """Its folder and its ports."""

    region: str
    folder: Path
    grpc_port: int
    admin_port: int
    peer_port: int
    aws_port: int

    @property
    def settings(self) -> Path:
        return self.folder / "settings.toml"

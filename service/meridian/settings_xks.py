"""The table `[xks]` of the settings: where keys are served to another KMS."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from meridian.settings_sections import BodySettings, FilePath, Section

NAMES_MAX = 64
CERTIFICATE_NAME = r"^[A-Za-z0-9*_.-]{1,253}$"


class XksTlsSettings(Section):
    """Certificate and key of the listener, and who may connect to it; PEM files."""

    certificate: FilePath
    private_key: FilePath
    client_ca: FilePath | None = None
    """The authority that signs the other KMS's certificates. Where it is given, a client without such a certificate is refused."""
    client_names: tuple[Annotated[str, Field(pattern=CERTIFICATE_NAME)], ...] = Field((), max_length=NAMES_MAX)
    """Common names or DNS names, one of which a client's certificate must have; every name where none is given."""

    @model_validator(mode="after")
    def _require_an_authority_for_names(self) -> XksTlsSettings:
        if self.client_names and self.client_ca is None:
            raise ValueError("client_names are read in certificates that client_ca has signed: give client_ca")
        return self


class XksSettings(BodySettings):
    """The listener of the XKS proxy API; always over TLS."""

    connections: int = Field(1024, ge=8, le=65_536)
    tls: XksTlsSettings

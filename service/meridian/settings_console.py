"""The table `[console]` of the settings: the web console, which is off where the table is not given."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, model_validator

from meridian.settings_sections import BodySettings, FilePath, Network, Origin, Section, is_loopback

SCOPES_MAX: Final = 16
Scope = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,128}$")]
"""Source: RFC 6749, section 3.3."""


class ConsoleTlsSettings(Section):
    """Certificate and key of the console; PEM files."""

    certificate: FilePath
    private_key: FilePath
    client_ca: FilePath | None = None
    """The authority of client certificates. Where it is given, browsers are asked for one, and may show none."""


class ConsoleOidcSettings(Section):
    """The identity provider at which people sign in; one of the issuers of the principals file."""

    issuer: Annotated[str, Field(min_length=1, max_length=256)]
    client_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,256}$")]
    """The console's name there. ID tokens are for it, so it stands among the issuer's audiences."""
    client_secret_file: FilePath | None = None
    """Where the provider wants a secret beside PKCE: a file of mode 0600 that holds it alone."""
    scopes: tuple[Scope, ...] = Field((), max_length=SCOPES_MAX)
    """What is asked for beside `openid`."""


class ConsoleSettings(BodySettings):
    """The listener of the console. Without TLS it listens on a loopback address alone."""

    origin: Origin
    """Where browsers find the console. The provider sends them back to `ORIGIN/signed-in`, and changes come from there alone."""
    connections: int = Field(256, ge=8, le=65_536)
    trusted_proxies: tuple[Network, ...] = ()
    """Whose X-Forwarded-For names the browser; nobody's else."""
    session_minutes: int = Field(60, ge=5, le=720)
    """How long a sign-in counts at most; the life of its token ends it sooner."""
    writes: bool = False
    """Whether keys can be enabled, disabled, rotated, scheduled for deletion and kept from it, by those whom policies let."""
    tls: ConsoleTlsSettings | None = None
    oidc: ConsoleOidcSettings | None = None

    @model_validator(mode="after")
    def _require_a_way_in(self) -> ConsoleSettings:
        if self.oidc is None and (self.tls is None or self.tls.client_ca is None):
            raise ValueError("nobody could sign in: give oidc, or tls with client_ca")
        if self.tls is None and not is_loopback(self.listen):
            raise ValueError("plaintext is for loopback addresses alone: give tls")
        return self

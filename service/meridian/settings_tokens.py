"""The tables of the settings file about hardware tokens, which are reached by PKCS#11."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from meridian.settings_sections import FilePath, Section

LABEL_BYTES_MAX: Final = 32
"""Of a token's label; PKCS#11, CK_TOKEN_INFO."""


def _require_label(text: str) -> str:
    if not text.strip() or len(text.encode()) > LABEL_BYTES_MAX or not text.isprintable():
        raise ValueError(f"must be the label of a token: 1 to {LABEL_BYTES_MAX} bytes of text")
    return text


TokenLabel = Annotated[str, AfterValidator(_require_label)]


class TokenSealSettings(Section):
    """Root key sealed under a key of a hardware token."""

    provider: Literal["pkcs11"]
    module: FilePath
    """The PKCS#11 library of the token's maker."""
    token: TokenLabel
    key: Annotated[str, Field(min_length=1, max_length=64)]
    """Label of the sealing key; it is made where the token has none."""
    pin_file: FilePath


ClusterId = Annotated[str, Field(pattern=r"^cluster-[2-7a-zA-Z]{11,16}$")]


class KeyStoreTokenSettings(Section):
    """A hardware token that may be the cluster of a key store of one account."""

    module: FilePath
    token: TokenLabel
    trust_anchor: FilePath
    """PEM; the text that CreateCustomKeyStore must be given as TrustAnchorCertificate."""
    account: Annotated[str, Field(pattern=r"^[0-9]{12}$")]

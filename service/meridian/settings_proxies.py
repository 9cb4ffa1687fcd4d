"""The table of the settings file about proxies of external key stores: where they are dialled, and who vouches for them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from meridian.settings_sections import HOST_NAME, FilePath, ListenAddress, Network, Section


def _require_host_name(text: str) -> str:
    if HOST_NAME.fullmatch(text) is None or text != text.lower():
        raise ValueError("must be the name of a host, in lower case")
    return text


HostName = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_require_host_name)]
ServiceName = Annotated[str, Field(pattern=r"^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$")]


class EndpointServiceSettings(Section):
    """What stands for an endpoint service of a private network."""

    host: HostName
    """That the URI endpoint of a key store behind it must name."""
    address: ListenAddress


class KeyStoreProxySettings(Section):
    """Without any of it, proxies are dialled at public addresses, at port 443, and believed by the authorities of the system."""

    trusted_roots: FilePath | None = None
    """Authorities of proxies' certificates, PEM; the system's are not believed then."""
    client_certificate: FilePath | None = None
    """What proxies are shown that want to see a certificate; PEM, as its key."""
    client_private_key: FilePath | None = None
    networks: tuple[Network, ...] = ()
    """Private networks whose addresses may be dialled, whatever a store's endpoint resolves to."""
    hosts: dict[HostName, ListenAddress] = Field(default_factory=dict)
    """Where a host of an endpoint is dialled instead of at its own name and port 443."""
    endpoint_services: dict[ServiceName, EndpointServiceSettings] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _require_certificate_with_its_key(self) -> KeyStoreProxySettings:
        if (self.client_certificate is None) != (self.client_private_key is None):
            raise ValueError("client_certificate and client_private_key are given together, or neither")
        return self

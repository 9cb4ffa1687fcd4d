"""Two key stores do not share a proxy under another spelling of its endpoint."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from meridian.domain.key_store import ConnectionState
from meridian.errors import (
    KmsError,
    XksProxyUriEndpointInUseException,
    XksProxyUriInUseException,
    XksProxyVpcEndpointServiceInUseException,
)
from meridian.operations.key_store_rows import VPC, require_free
from meridian.ports.store.key_stores import KeyStoreRow

PATH, SERVICE = "/kms/xks/v1", "com.amazonaws.vpce.us-east-1.vpce-svc-0"
PROXY = {"xks_proxy_uri_endpoint": "https://xks.example.com", "xks_proxy_uri_path": PATH, "connectivity": "PUBLIC_ENDPOINT"}
FIRST = KeyStoreRow(
    "111122223333", "cks-1", "one", ConnectionState.CONNECTED, datetime(2026, 1, 1, tzinfo=UTC), PROXY, "EXTERNAL_KEY_STORE", "", "", 1
)
SPELLINGS = [
    "https://xks.example.com",
    "https://XKS.EXAMPLE.COM",
    "https://xks.example.com.",
    "https://Xks.Example.com..",
    "https://xks.example.com:443",
    "HTTPS://xks.example.com",
]


def refusal(**proxy: str) -> type[KmsError] | None:
    second = replace(FIRST, store_id="cks-2", name="two", proxy={**PROXY, **proxy})
    try:
        require_free(second, [FIRST])
    except KmsError as fault:
        return type(fault)
    return None


@pytest.mark.parametrize("endpoint", SPELLINGS)
def test_a_spelling_of_the_same_endpoint_is_the_same_proxy(endpoint: str) -> None:
    assert refusal(xks_proxy_uri_endpoint=endpoint) is XksProxyUriInUseException
    assert refusal(xks_proxy_uri_endpoint=endpoint, xks_proxy_uri_path=f"/other{PATH}") is None
    private = {"connectivity": VPC, "xks_proxy_vpc_endpoint_service_name": SERVICE, "xks_proxy_uri_path": f"/other{PATH}"}
    assert refusal(xks_proxy_uri_endpoint=endpoint, **private) is XksProxyUriEndpointInUseException


def test_another_host_is_another_proxy() -> None:
    for host in ("xks2.example.com", "xks.example.com.example.org", "example.com"):
        assert refusal(xks_proxy_uri_endpoint=f"https://{host}") is None


def test_a_service_is_shared_in_no_spelling() -> None:
    behind = {**PROXY, "connectivity": VPC, "xks_proxy_vpc_endpoint_service_name": SERVICE}
    second = replace(FIRST, store_id="cks-2", name="two", proxy={**behind, "xks_proxy_vpc_endpoint_service_name": SERVICE.upper()})
    with pytest.raises(XksProxyVpcEndpointServiceInUseException):
        require_free(second, [replace(FIRST, proxy=behind)])

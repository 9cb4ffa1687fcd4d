"""How a collector of OpenTelemetry is reached, as the settings say, and under which names it hears of a process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from meridian.engine.secret_files import FileFault, read_secret, read_trusted
from meridian.settings import Settings
from meridian.settings_sections import PLAINTEXT_SCHEME, OtlpSettings, address_in

if TYPE_CHECKING:  # its library is an extra
    from meridian.adapters.otlp_connection import OtlpCollector


def collector_of(otlp: OtlpSettings) -> OtlpCollector:
    """Raises: ValueError where the extra is not installed, FileFault, OSError."""
    try:
        from meridian.adapters.otlp_connection import OtlpCollector
    except ModuleNotFoundError as fault:
        raise ValueError(f"{fault.name} is not installed: install meridian[otlp]") from fault
    return OtlpCollector(
        address=address_in(otlp.endpoint),
        is_plaintext=otlp.endpoint.startswith(PLAINTEXT_SCHEME),
        ca=read_trusted(otlp.ca) if otlp.ca is not None else None,
        headers=_headers(otlp),
        timeout_seconds=otlp.timeout_seconds,
    )


def resource_names(settings: Settings, replica: str) -> Mapping[str, str]:
    """Whose records or spans these are, in OpenTelemetry's words."""
    return {
        "service.name": "meridian",
        "service.namespace": settings.deployment,
        "service.instance.id": replica,
        "cloud.region": settings.region,
    }


def _headers(otlp: OtlpSettings) -> tuple[tuple[str, str], ...]:
    """The lines of the file, none of which is ever shown. Raises: FileFault."""
    if otlp.headers_file is None:
        return ()
    found = []
    for number, line in enumerate(read_secret(otlp.headers_file).decode("ascii", "replace").splitlines(), 1):
        name, colon, value = line.partition(":")
        if line.strip() and not (colon and name.strip() and value.strip().isprintable() and value.isascii()):
            raise FileFault(f"{otlp.headers_file}: line {number} is not `name: value`")
        found += [(name.strip().lower(), value.strip())] if line.strip() else []
    return tuple(found)

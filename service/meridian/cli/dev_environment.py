"""What the file `env` of a development deployment tells the clients that read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from meridian.cli.dev_principals import NOBODY
from meridian.cli.region_place import HOST, RegionPlace

DEFAULT_CALLER: Final = "alice"
AWS_CALLER: Final = "developer"


def environment_of(root: Path, places: Sequence[RegionPlace], entries: Sequence[dict[str, Any]]) -> str:
    """The lines of the file. Raises: OSError."""
    first, clients = places[0], root / "clients"
    caller = _preferred([entry["name"] for entry in entries if entry.get("spiffe_id")], DEFAULT_CALLER) or NOBODY
    values = {
        "MERIDIAN_DEV": str(root),
        "MERIDIAN_ENDPOINT": f"{HOST}:{first.grpc_port}",
        "MERIDIAN_REGION": first.region,
        "MERIDIAN_CA": str(root / "client-ca.crt"),
        "MERIDIAN_CERTIFICATE": str(clients / f"{caller}.crt"),
        "MERIDIAN_PRIVATE_KEY": str(clients / f"{caller}.key"),
    }
    for place in places:
        values[f"MERIDIAN_ENDPOINT_{place.region.upper().replace('-', '_')}"] = f"{HOST}:{place.grpc_port}"
        values[f"MERIDIAN_AWS_ENDPOINT_{place.region.upper().replace('-', '_')}"] = f"http://{HOST}:{place.aws_port}"
    values |= _aws_environment(root, first, entries)
    return "".join(f"export {name}='{value}'\n" for name, value in values.items())


def _aws_environment(root: Path, first: RegionPlace, entries: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What AWS clients read: the access key of the default developer, or of the first principal that has one for good."""
    lasting = {entry["name"]: entry for entry in entries if entry.get("access_key_id") and not entry.get("session_token_sha256")}
    name = _preferred(list(lasting), AWS_CALLER)
    if name is None:
        return {}
    return {
        "AWS_ENDPOINT_URL_KMS": f"http://{HOST}:{first.aws_port}",
        "AWS_ACCESS_KEY_ID": str(lasting[name]["access_key_id"]),
        "AWS_SECRET_ACCESS_KEY": (root / lasting[name]["secret_access_key_file"]).read_text(errors="replace").strip(),
        "AWS_DEFAULT_REGION": first.region,
        "AWS_REGION": first.region,  # the SDKs for JavaScript and Java read no other
    }


def _preferred(names: Sequence[str], default: str) -> str | None:
    """The default caller where it is there, else the first; None of none."""
    return default if default in names else next(iter(names), None)

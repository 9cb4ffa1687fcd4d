"""The principals of a development deployment: the default ones, and those of the operator, read as a Region reads them."""

from __future__ import annotations

import json
import re
from base64 import b32encode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.principals_file import FilePrincipals
from meridian.cli.private_files import write_private
from meridian.domain.strict_toml import parse_toml
from meridian.engine.secret_files import FileFault, read_trusted

TRUST_DOMAIN: Final = "dev.meridian.internal"
NAME_OF_FILE: Final = re.compile(r"[\w+=,.@-][\w+=,.@/-]{0,127}")
"""As IAM has them; a slash makes a folder."""
NOBODY: Final = "transport"
"""The certificate that names nobody, for callers with a bearer token."""

PRINCIPALS: Final[tuple[tuple[str, str, str, list[str], dict[str, str]], ...]] = (
    ("User", "111122223333", "developer", ["developers"], {}),
    ("User", "444455556666", "developer-abroad", ["developers"], {}),
    ("User", "111122223333", "alice", ["key-administrators"], {}),
    ("Service", "111122223333", "app", ["key-users"], {}),
    ("Service", "111122223333", "tenant-a", [], {"tenant": "a"}),
    ("User", "111122223333", "auditor", ["auditors"], {}),
    ("User", "444455556666", "bob", ["key-administrators"], {}),
    ("Service", "444455556666", "partner", ["key-users"], {}),
)
"""kind, account, name, groups, tags."""


def sound_principals(path: Path, root: Path) -> bytes:
    """The bytes of a principals file that every Region of the deployment in `root` will take. Raises: FileFault with every fault."""
    text = read_trusted(path)
    FilePrincipals.parse(text, path, root, partition="aws", org_units={})
    holders = {NOBODY: "the certificate that names nobody"}
    for number, entry in enumerate(parse_toml(text).get("principals", []), 1):
        if not NAME_OF_FILE.fullmatch(entry["name"]) or ".." in entry["name"].split("/"):
            raise FileFault(f"{path}: principal {number}: no files of this name can be made for its certificate")
        if not entry.get("spiffe_id"):
            continue
        if entry["name"] in holders:
            taken = f"clients/{entry['name']}.crt is the file of {holders[entry['name']]}"
            raise FileFault(f"{path}: principal {number}: {taken}; give it another name, or no spiffe_id")
        holders[entry["name"]] = f"principal {number}"
    return text


def entries_of(path: Path) -> list[dict[str, Any]]:
    """The principals of the deployment whose file this is. Raises: FileFault with every fault."""
    found: list[dict[str, Any]] = parse_toml(sound_principals(path, path.parent)).get("principals", [])
    return found


def write_default_principals(path: Path) -> None:
    """The default principals, with new credentials beside the file."""
    clients = path.parent / "clients"
    write_private(path, "\n".join(_default_principal(clients, *row) for row in PRINCIPALS).encode())


def _default_principal(clients: Path, kind: str, account: str, name: str, groups: list[str], tags: dict[str, str]) -> str:
    token = OsEntropy().random_bytes(32).hex()
    write_private(clients / f"{name}.token", f"{token}\n".encode())
    access_key_id = f"AKIA{b32encode(OsEntropy().random_bytes(10)).decode()}"
    write_private(clients / f"{name}.access-key-id", f"{access_key_id}\n".encode())
    write_private(clients / f"{name}.secret-access-key", f"{b64encode(OsEntropy().random_bytes(30)).decode()}\n".encode())
    inner = ", ".join(f"{key} = {json.dumps(value)}" for key, value in tags.items())
    return (
        f"[[principals]]\nkind = {json.dumps(kind)}\naccount = {json.dumps(account)}\nname = {json.dumps(name)}\n"
        f"groups = {json.dumps(groups)}\ntags = {{{inner}}}\n"
        f'spiffe_id = "spiffe://{TRUST_DOMAIN}/{account}/{name}"\n'
        f'token_sha256 = "{sha256(token.encode()).hexdigest()}"\n'
        f'access_key_id = "{access_key_id}"\nsecret_access_key_file = "clients/{name}.secret-access-key"\n'
    )

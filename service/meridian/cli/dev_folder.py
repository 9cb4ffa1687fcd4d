"""Everything that `meridian dev` makes and keeps in its folder: authorities, certificates, seals, settings, principals.

Authorities, seals and databases are made once and kept; certificates live a day and are made anew when they are half a day old.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.cli.certificate_pairs import certificate_of, end_of, is_of, private_key_of, write_files
from meridian.cli.dev_environment import environment_of
from meridian.cli.dev_policies import write_account_policies, write_default_policies
from meridian.cli.dev_principals import NOBODY, TRUST_DOMAIN, entries_of, write_default_principals
from meridian.cli.private_files import write_private
from meridian.cli.region_place import HOST, RegionPlace
from meridian.crypto.certificate_life import require_key_of
from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf
from meridian.domain.peers import region_server_name
from meridian.domain.strict_json import parse_json
from meridian.engine.secret_files import FileFault
from meridian.regular_file import read_regular

FIRST_PORT: Final = 20_000
"""The own tests of Meridian give out those below."""
PORTS_BYTES_MAX: Final = 65_536
"""Of the file that keeps the ports of a deployment."""
OUTGOING_PORT: Final = 32_768
"""Where the ports begin that Linux gives to outgoing connections."""

FindPort = Callable[[], int]
KEYS_READY: Final = "limits.import_keys_ready = { RSA_2048 = 2, RSA_3072 = 1, RSA_4096 = 3 }"
"""Tests of importers ask for several of the largest at once."""
RENEW_BEFORE: Final = timedelta(hours=12)

LABELS: Final = {
    "us-": ("US",),
    "eu-west-2": ("GB",),
    "eu-central-2": ("CH",),
    "eu-": ("EU", "EEA"),
    "ap-northeast-1": ("JP",),
    "ca-": ("CA",),
}
"""Residency labels by Region, first match by the longest name. London and Zurich are in Europe, not in the EU."""


def labels_of(region: str) -> tuple[str, ...]:
    """Residency labels of a Region; none for one the table does not know."""
    matches = [name for name in LABELS if region.startswith(name)]
    return LABELS[max(matches, key=len)] if matches else ()


class DevFolder:
    """The folder of a development deployment."""

    def __init__(
        self, root: Path, regions: list[str], *, grpc_port: int, admin_port: int, aws_port: int | None, find_port: FindPort
    ) -> None:
        """Ports of the first Region; the next has the next ones. Without `aws_port` each AWS wire has a port that is found, kept.

        Raises: FileFault.
        """
        self.root = root
        self._find_port = find_port
        self._clock = SystemClock()
        self._policies = root / "policies"
        self._first_lines = ""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        in_a_row = {} if aws_port is None else {region: aws_port + at for at, region in enumerate(regions)}
        asked_for = {first + at for first in (grpc_port, admin_port) for at in range(len(regions))}
        peers = self._kept_ports("peer", regions, {}, asked_for | {*in_a_row.values()})
        aws = self._kept_ports("aws", regions, in_a_row, asked_for | {*peers.values()})
        self.places = [
            RegionPlace(region, root / region, grpc_port + at, admin_port + at, peers[region], aws[region])
            for at, region in enumerate(regions)
        ]

    def prepare(self, principals: bytes | None) -> None:
        """Make what is missing, renew what is old. Raises: FileFault."""
        self._principals(principals)
        write_default_policies(self.root / "policies")
        self.renew()
        write_private(self.root / "env", environment_of(self.root, self.places, self.entries()).encode())

    def renew(self) -> None:
        """Make certificates that are missing or old anew, and policies of new accounts; Regions that serve take them. Raises: FileFault."""
        client_ca, peer_ca = self._authority("client-ca"), self._authority("peer-ca")
        entries = self.entries()
        write_account_policies(self.root / "policies", sorted({entry["account"] for entry in entries}))
        for entry in entries:
            if entry.get("spiffe_id"):
                self._leaf(client_ca, self.root / "clients" / entry["name"], entry["name"], spiffe_id=entry["spiffe_id"])
        self._leaf(client_ca, self.root / "clients" / NOBODY, NOBODY)
        for place in self.places:
            self._region(place, client_ca, peer_ca)

    def follow_policies(self, folder: Path) -> None:
        """Let the Regions follow this folder, in which nothing is made, from their next settings on."""
        self._policies = folder

    def answer_by(self, front: str) -> None:
        """Let this answer callers, `grpcio` or `envoy`, from the next settings on."""
        self._first_lines = f'front.kind = "{front}"\n'

    def entries(self) -> list[dict[str, Any]]:
        """The principals of the deployment, as a Region would read them now. Raises: FileFault."""
        return entries_of(self.root / "principals.toml")

    def write_settings(self, fingerprints: dict[str, str]) -> None:
        """The settings of every Region, each knowing the others by their fingerprints. Raises: FileFault."""
        accounts = sorted({entry["account"] for entry in self.entries()})
        for place in self.places:
            text = _settings_text(place, self.root, self._policies, accounts, [p for p in self.places if p is not place], fingerprints)
            write_private(place.settings, f"{self._first_lines}{text}".encode())

    def _kept_ports(self, kind: str, regions: list[str], given: dict[str, int], others: set[int]) -> dict[str, int]:
        """Those of one kind, none of which is among `others`: one that was kept gives way to one that is asked for now."""
        path = self.root / f"{kind}-ports.json"
        ports = {region: port for region, port in _ports_in(path).items() if port not in others} | given
        for region in regions:
            while region not in ports:
                found = self._find_port()
                if found not in others and found not in ports.values():
                    ports[region] = found
        write_private(path, json.dumps(ports).encode())
        return ports

    def _authority(self, name: str) -> CertificateFiles:
        path = self.root / name
        certificate, private_key = certificate_of(path), private_key_of(path)
        if not certificate.exists():
            write_files(path, new_authority(f"Meridian development {name}", self._clock.now()))
        found = CertificateFiles(certificate.read_bytes(), private_key.read_bytes())
        try:
            require_key_of(found.certificate, found.private_key)
        except ValueError as fault:
            raise FileFault(f"{certificate} and {private_key}: are no authority: {fault}") from fault
        return found

    def _leaf(self, authority: CertificateFiles, path: Path, name: str, **names: Any) -> None:
        existing = certificate_of(path)
        if existing.exists() and end_of(existing) - RENEW_BEFORE > self._clock.now() and is_of(existing, names.get("spiffe_id")):
            return
        write_files(path, new_leaf(authority, name, self._clock.now(), **names))

    def _principals(self, given: bytes | None) -> None:
        target = self.root / "principals.toml"
        if given is not None:
            write_private(target, given)
        elif not target.exists():
            write_default_principals(target)

    def _region(self, place: RegionPlace, client_ca: CertificateFiles, peer_ca: CertificateFiles) -> None:
        place.folder.mkdir(exist_ok=True, mode=0o700)
        if not (place.folder / "seal").exists():
            write_private(place.folder / "seal", OsEntropy().random_bytes(32))
        here = {"dns_names": ["localhost"], "addresses": [HOST]}
        self._leaf(client_ca, place.folder / "server", place.region, **here)
        spiffe_id = region_spiffe_id(place.region)
        self._leaf(peer_ca, place.folder / "peer", place.region, spiffe_id=spiffe_id, dns_names=[region_server_name(place.region)])


def region_spiffe_id(region: str) -> str:
    """The name of a Region in its peer certificate."""
    return f"spiffe://{TRUST_DOMAIN}/region/{region}"


def free_port() -> int:
    """A port of this machine that nobody listens on now, outside those that the system gives to outgoing connections: one that is
    kept must be free at every start."""
    while True:
        port = FIRST_PORT + int.from_bytes(OsEntropy().random_bytes(4)) % (OUTGOING_PORT - FIRST_PORT)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


def _ports_in(path: Path) -> dict[str, int]:
    """Raises: FileFault."""
    try:
        found = parse_json(read_regular(path, PORTS_BYTES_MAX).decode()) if path.exists() else {}
    except OSError as fault:
        raise FileFault(f"{path}: {fault.strerror}") from fault
    except ValueError as fault:
        raise FileFault(f"{path}: {fault}") from fault
    if not isinstance(found, dict) or not all(isinstance(port, int) for port in found.values()):
        raise FileFault(f"{path}: must be ports by Region; remove it, and new ones are found")
    return found


def _settings_text(
    place: RegionPlace, root: Path, policies: Path, accounts: list[str], others: list[RegionPlace], fingerprints: dict[str, str]
) -> str:
    folder = place.folder
    lines = [
        'deployment = "development"',
        "development = true",
        "reflection = true",
        f'region = "{place.region}"',
        f'database = "sqlite:///{folder}/region.sqlite3"',
        f"policies = {json.dumps(str(policies), ensure_ascii=False)}",
        f'principals = "{root}/principals.toml"',
        "limits.drain_pause_seconds = 0",
        KEYS_READY,
        "[grpc]",
        f'listen = "{HOST}:{place.grpc_port}"',
        "bearer_tokens = true",
        f'tls = {{ certificate = "{folder}/server.crt", private_key = "{folder}/server.key", client_ca = "{root}/client-ca.crt" }}',
        "[peer]",
        f'listen = "{HOST}:{place.peer_port}"',
        f'tls = {{ certificate = "{folder}/peer.crt", private_key = "{folder}/peer.key", client_ca = "{root}/peer-ca.crt" }}',
        "[admin]",
        f'listen = "{HOST}:{place.admin_port}"',
        "[aws]",
        f'listen = "{HOST}:{place.aws_port}"',
        "[[seals]]",
        'provider = "file"',
        f'path = "{folder}/seal"',
        "[audit]",
        f'directory = "{folder}/audit"',
        "[throttle]",
        *[f"{name} = 0" for name in _rate_classes()],
    ]
    for each in [place, *others]:
        lines += [f'[regions."{each.region}"]', f"labels = {json.dumps(labels_of(each.region))}"]
    for other in others:
        lines += [
            "[[peers]]",
            f'region = "{other.region}"',
            f'address = "{HOST}:{other.peer_port}"',
            f'spiffe_id = "{region_spiffe_id(other.region)}"',
            f'transport_fingerprint = "{fingerprints.get(other.region, "0" * 64)}"',
            f"accounts = {json.dumps(accounts)}",
        ]
    return "\n".join(lines) + "\n"


def _rate_classes() -> list[str]:
    from meridian.contract.rates import RATES

    return list(RATES)

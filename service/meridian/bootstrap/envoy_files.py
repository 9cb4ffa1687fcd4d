"""The files of the front of Envoy, in a folder that is this process's alone. Nothing in them is secret."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Final

import orjson

from meridian.adapters.clock_system import SystemClock
from meridian.bootstrap.seat import Seat
from meridian.bootstrap.startup import StartupError, naming
from meridian.fresh_file import open_fresh
from meridian.settings import Settings
from meridian.settings_sections import host_of
from meridian.transport.envoy.configuration import AUTHORITY, CERTIFICATE, authority_secret, bootstrap_of, certificate_secret
from meridian.transport.envoy.front_values import ADMIN_SOCKET, BOOTSTRAP, FrontPlaces, FrontValues, Json
from meridian.transport.listening import require_free_datagrams
from meridian.transport.tls_files import TlsFiles, TlsPaths, read_tls

FOLDER: Final = "meridian-front-"
"""What the name of the folder begins with, where temporary files lie."""
SOCKET_PATH_BYTES_MAX: Final = 103
"""Of a path that every system takes for a socket."""


class FrontFiles:
    """Written before Envoy starts, and again when certificates change."""

    def __init__(self, places: FrontPlaces, private_key: Path) -> None:
        self._places = places
        self._private_key = private_key

    def write_bootstrap(self, values: FrontValues) -> Path:
        """What Envoy is started with. Raises: OSError."""
        path = self._places.folder / BOOTSTRAP
        _write(path, bootstrap_of(values, self._places))
        return path

    def write_tls(self, files: TlsFiles) -> None:
        """Envoy reads them when they are here; the same ones again change nothing. Raises: OSError."""
        _write(self._places.secret(CERTIFICATE), certificate_secret(files.certificate, self._private_key))
        _write(self._places.secret(AUTHORITY), authority_secret(files.client_ca))


def prepare_front(settings: Settings, places: FrontPlaces, *, connections: int, is_shared: bool) -> Path:
    """Write everything that Envoy starts with; the answer is its configuration. Raises: StartupError."""
    tls = settings.grpc.tls
    files = FrontFiles(places, tls.private_key)
    with naming("grpc.tls"):
        files.write_tls(read_tls(TlsPaths(tls.certificate, tls.private_key, tls.client_ca), SystemClock().now()))
    with naming("grpc.listen"):
        address, port = _address(settings.grpc.listen)
    values = FrontValues(
        address=address,
        port=port,
        connections=connections,
        request_bytes=settings.limits.request_bytes,
        reuse_port=is_shared,
        loop="uvloop" if settings.uvloop else "asyncio",
        web_origins=settings.front.grpc_web_origins,
        http3=settings.front.http3,
    )
    if values.http3:
        with naming("front.http3"):
            require_free_datagrams(settings.grpc.listen)
    with naming("front"):
        return files.write_bootstrap(values)


def new_folder(seat: Seat) -> Path:
    """A folder of mode 0700, where the machine keeps temporary files, or in that of a parent, in place of what an ended process left there.
    Raises: StartupError."""
    with naming("front"):
        parent = Path(tempfile.gettempdir()) if seat.admin is None else seat.admin.parent
        if len(os.fsencode(parent / f"{FOLDER}12345678" / ADMIN_SOCKET)) > SOCKET_PATH_BYTES_MAX:
            raise StartupError(f"front: {parent} is too long for the path of a socket; set TMPDIR to a shorter one")
        if seat.admin is None:
            return Path(tempfile.mkdtemp(prefix=FOLDER))
        folder = parent / f"{FOLDER}{seat.number}"
        remove_folder(folder)
        folder.mkdir(mode=0o700)
        return folder


def remove_folder(folder: Path) -> None:
    """With what is in it."""
    shutil.rmtree(folder, ignore_errors=True)


def _address(listen: str) -> tuple[str, int]:
    """The first address that the name has. Raises: StartupError where it has none."""
    port = int(listen.rpartition(":")[2])
    try:
        found = socket.getaddrinfo(host_of(listen), port, type=socket.SOCK_STREAM)
    except OSError as fault:
        raise StartupError(f"grpc.listen: cannot listen on {listen}: {fault.strerror or fault}") from fault
    address = found[0][4][0]
    return str(address), port


def _write(path: Path, value: Json) -> None:
    """Whole or not at all: who watches sees it moved here."""
    partial = path.with_name(f"{path.name}.partial")
    with os.fdopen(open_fresh(partial), "wb") as file:
        file.write(orjson.dumps(value, option=orjson.OPT_INDENT_2))
    partial.replace(path)

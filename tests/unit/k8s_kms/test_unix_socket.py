"""Where the API server connects: nobody else can, and nobody's file is touched."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from meridian.k8s_kms.unix_socket import PATH_BYTES_MAX, SocketError, bind_socket


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for each in made:
        each.close()


def binds(sockets: list[socket.socket]) -> Callable[[str], None]:
    def bind(address: str) -> None:
        sockets.append(socket.socket(socket.AF_UNIX))
        sockets[-1].bind(address.removeprefix("unix:"))
        sockets[-1].listen()

    return bind


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s") / "kms.sock"


def refused(path: Path, sockets: list[socket.socket]) -> str:
    with pytest.raises(SocketError) as fault:
        bind_socket(path, binds(sockets))
    return str(fault.value)


def test_it_is_for_its_owner_alone_whatever_the_umask(path: Path, sockets: list[socket.socket]) -> None:
    before = os.umask(0)
    try:
        bind_socket(path, binds(sockets))
        assert os.umask(0) == 0, "the umask is as it was"
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600


def test_one_that_nobody_listens_on_is_replaced(path: Path, sockets: list[socket.socket]) -> None:
    bind_socket(path, binds(sockets))
    sockets.pop().close()
    bind_socket(path, binds(sockets))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_one_that_somebody_listens_on_stays_his(path: Path, sockets: list[socket.socket]) -> None:
    bind_socket(path, binds(sockets))
    assert refused(path, sockets) == f"{path}: another process listens there"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_file_is_left_alone(path: Path, sockets: list[socket.socket]) -> None:
    path.write_text("something else")
    assert refused(path, sockets) == f"{path} is there and is no socket; nothing was removed"
    assert path.read_text() == "something else"


def test_a_link_is_not_followed(path: Path, sockets: list[socket.socket]) -> None:
    path.symlink_to(path.with_name("elsewhere"))
    assert "is no socket" in refused(path, sockets)
    assert path.is_symlink()


def test_a_folder_that_others_can_change_is_refused(path: Path, sockets: list[socket.socket]) -> None:
    path.parent.chmod(0o777)
    assert "may be written by others" in refused(path, sockets)
    path.parent.chmod(0o1777)
    assert "may be written by others" in refused(path, sockets), "another's stale socket would be in the way there"


def test_a_folder_that_others_can_replace_is_refused(path: Path, sockets: list[socket.socket]) -> None:
    within = path.parent / "in"
    within.mkdir(mode=0o700)
    path.parent.chmod(0o777)
    assert f"{path.parent} may be written by others" in refused(within / "kms.sock", sockets)
    path.parent.chmod(0o1777)
    bind_socket(within / "kms.sock", binds(sockets))


@pytest.mark.asyncio
async def test_a_name_with_any_character_is_the_name_of_the_socket(path: Path) -> None:
    odd = path.with_name("a %41 b?c#d")
    server = grpc.aio.server()
    bind_socket(odd, server.add_insecure_port)
    assert [each.name for each in path.parent.iterdir()] == [odd.name]
    await server.stop(None)


def test_a_stale_socket_that_cannot_be_removed_is_one_sentence(
    path: Path, sockets: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    bind_socket(path, binds(sockets))
    sockets.pop().close()

    def refuse(_: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert refused(path, sockets) == f"{path}: cannot be removed: Operation not permitted"


@pytest.mark.skipif(os.geteuid() != 0, reason="folders of other users are made by root alone")
def test_a_folder_of_another_user_is_refused(path: Path, sockets: list[socket.socket]) -> None:
    os.chown(path.parent, 65_532, 65_532)
    assert "belongs to another user" in refused(path, sockets)


def test_two_that_start_at_once_do_not_take_it_from_each_other(path: Path, sockets: list[socket.socket]) -> None:
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert "another process makes a socket there" in refused(path, sockets)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("relative.sock", "is no absolute path"),
        ("/" + "x" * PATH_BYTES_MAX, f"is longer than {PATH_BYTES_MAX} bytes"),
        ("/no-such-folder/kms.sock", "/no-such-folder: No such file or directory"),
        ("/etc/passwd/kms.sock", "/etc/passwd: Not a directory"),
    ],
)
def test_a_path_that_cannot_be_is_refused(name: str, text: str, sockets: list[socket.socket]) -> None:
    assert text in refused(Path(name), sockets)


def test_a_folder_without_room_is_told(path: Path) -> None:
    def bind(_: str) -> None:
        raise RuntimeError("no room")

    with pytest.raises(SocketError, match="cannot listen there: no room"):
        bind_socket(path, bind)

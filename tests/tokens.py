"""Hardware tokens for tests: SoftHSM behind a library that can hang, lose its token, and lock its PIN, as hardware does."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic, sleep

import pytest

from meridian.adapters.pkcs11.outcomes import TokenFault
from meridian.adapters.pkcs11.thread import token_thread

SOFTHSM = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/softhsm/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)
SOURCE = Path(__file__).parent / "token_library.c"
PIN, OTHER_PIN, OFFICER_PIN = "pin-Xq94-user", "pin-Zz07-other", "pin-Kw51-officer"


@cache
def missing() -> str:
    """What this machine lacks for tests with tokens."""
    for name, package in (("softhsm2-util", "softhsm2"), ("cc", "gcc")):
        if shutil.which(name) is None:
            return f"NOT TESTED: no {name}; tests with hardware tokens need it: apt-get install {package}"
    if not any(path.exists() for path in SOFTHSM):
        return f"NOT TESTED: none of {', '.join(map(str, SOFTHSM))}; tests with hardware tokens need it: apt-get install softhsm2"
    return ""


@dataclass(frozen=True)
class Token:
    """A token in a folder of its own."""

    folder: Path
    label: str

    @property
    def module(self) -> Path:
        return self.folder / "tokens.so"

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    def write_pin(self, pin: str) -> None:
        self.pin_file.write_text(f"{pin}\n")
        self.pin_file.chmod(0o600)

    def take_out(self) -> None:
        """Remove the token from its slot."""
        (self.folder / "tokens").rename(self.folder / "taken-out")
        (self.folder / "tokens").mkdir()

    def put_back(self) -> None:
        (self.folder / "tokens").rmdir()
        (self.folder / "taken-out").rename(self.folder / "tokens")

    def say(self, word: str) -> None:
        """Let the library do what the word says: `hang` or `removed`."""
        (self.folder / word).touch()

    def unsay(self, word: str) -> None:
        (self.folder / word).unlink()

    @property
    def logins(self) -> int:
        """How often a PIN was presented, by every process."""
        path = self.folder / "logins"
        return path.stat().st_size if path.exists() else 0

    @property
    def was_called_by_another_thread(self) -> bool:
        return (self.folder / "another-thread").exists()

    @property
    def key_files(self) -> int:
        """How many objects the token holds."""
        return len(list((self.folder / "tokens").glob("*/*.object"))) - len(list((self.folder / "tokens").glob("*/token.object")))

    def bytes_at_rest(self) -> bytes:
        return b"".join(path.read_bytes() for path in (self.folder / "tokens").rglob("*") if path.is_file())

    def seal_table(self, key: str) -> str:
        """Its table of the settings file, as a seal."""
        where = f'module = "{self.module}"\ntoken = "{self.label}"\nkey = "{key}"\n'
        return f'[[seals]]\nprovider = "pkcs11"\n{where}pin_file = "{self.pin_file}"\n'


def new_token(folder: Path, label: str) -> Token:
    """A token that is there, with its PIN. Skips the test where the machine has no SoftHSM."""
    if missing():
        pytest.skip(missing())
    folder.mkdir(parents=True)
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    shutil.copy(next(path for path in SOFTHSM if path.exists()), folder / "softhsm.so")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(folder / "tokens.so"), str(SOURCE), "-ldl"], check=True, timeout=60
    )
    made = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", OFFICER_PIN]
    subprocess.run(made, check=True, timeout=30, capture_output=True, env={**os.environ, "SOFTHSM2_CONF": str(folder / "softhsm2.conf")})
    token = Token(folder, label)
    token.write_pin(PIN)
    return token


def wait_for_token_thread() -> None:
    """Wait until a call that hung has come back, and the thread takes work again."""
    until = monotonic() + 20.0
    while monotonic() < until:
        with suppress(TokenFault):
            return token_thread().wait(lambda: None, 20.0)
        sleep(0.02)
    raise AssertionError("the thread did not come back")

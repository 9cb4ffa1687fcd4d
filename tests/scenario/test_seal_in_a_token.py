"""A Region whose root key is sealed in a hardware token, on real processes: made, served, moved to another token, told of its absence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deployment import HOME, Deployment
from tests.tokens import OFFICER_PIN, PIN, Token, new_token

from meridian.cli.exit_codes import OK, OTHER, SETUP

SEAL = "meridian-seal"


@pytest.fixture
def region(tmp_path: Path) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path / "deployment", [HOME]).prepare()
    try:
        yield deployment
    finally:
        deployment.stop_all()


@pytest.fixture
def token(tmp_path: Path) -> Token:
    return new_token(tmp_path / "hsm", "hsm-a")


def seal_with(region: Deployment, *tables: str) -> None:
    """The settings name these seals and no others."""
    path = region.place(HOME).settings
    before, _, rest = path.read_text().partition("[[seals]]")
    path.write_text(before + "".join(tables) + rest[rest.index("[audit]") :])


def file_seal(region: Deployment) -> str:
    return f'[[seals]]\nprovider = "file"\npath = "{region.place(HOME).folder}/seal"\n'


def run(region: Deployment, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meridian", *words, "--config", str(region.place(HOME).settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert PIN not in done.stdout + done.stderr
    assert OFFICER_PIN not in done.stdout + done.stderr
    return done


def works(region: Deployment, blob: bytes) -> bytes:
    """What was encrypted before still opens, and something new is encrypted."""
    with region.client() as alice, region.client(caller="app") as app:
        if blob:
            assert app.decrypt(ciphertext_blob=blob).plaintext == b"x"
        return bytes(app.encrypt(key_id=alice.create_key().key_metadata.key_id, plaintext=b"x").ciphertext_blob)


def test_a_region_is_made_and_served_with_a_token_alone(region: Deployment, token: Token) -> None:
    place = region.place(HOME)
    for name in ("region.sqlite3", "seal"):
        (place.folder / name).unlink()
    seal_with(region, token.seal_table(SEAL))
    made = run(region, "region", "init")
    assert made.returncode == OK, made.stderr
    region.start()
    blob = works(region, b"")
    assert region.metrics(HOME)['meridian_seal_opens{provider="pkcs11:hsm-a"}'] == 1.0
    region.stop(HOME)
    region.start()
    works(region, blob)
    assert not token.was_called_by_another_thread
    written = b"".join(path.read_bytes() for path in place.folder.rglob("*") if path.is_file())
    assert PIN.encode() not in written


@pytest.mark.deep
def test_a_seal_moves_from_a_file_to_a_token_and_on_to_another(region: Deployment, token: Token, tmp_path: Path) -> None:
    other = new_token(tmp_path / "other", "hsm-b")
    region.start()
    blob = works(region, b"")
    for at, tables in enumerate(
        (
            (file_seal(region), token.seal_table(SEAL)),
            (token.seal_table(SEAL),),
            (token.seal_table(SEAL), other.seal_table(SEAL)),
            (other.seal_table(SEAL),),
        )
    ):
        seal_with(region, *tables)
        turned = run(region, "region", "rotate-root")
        assert (turned.stdout, turned.returncode) == (f"root key {at + 2} is in use\n", OK), turned.stderr
    assert run(region, "region", "rotate-kek").stdout == "key-encryption key 2 is in use\n"
    (region.place(HOME).folder / "seal").unlink()
    region.stop(HOME)
    shutil.rmtree(token.folder)
    region.start()
    works(region, blob)


@pytest.mark.deep
def test_a_token_that_is_not_there_keeps_the_region_from_starting_and_is_named(region: Deployment, token: Token) -> None:
    seal_with(region, file_seal(region), token.seal_table(SEAL))
    assert run(region, "region", "rotate-root").returncode == OK
    seal_with(region, token.seal_table(SEAL))
    assert run(region, "region", "rotate-root").returncode == OK
    token.take_out()
    refused = run(region, "serve")
    assert refused.returncode == SETUP
    gone = f'token "hsm-a" of {token.module}: its library shows no token of this label (no token: NoSuchToken)'
    assert refused.stderr.splitlines()[-1] == f"cannot start: seals: {gone}"
    doctor = run(region, "region", "doctor", "--output", "json")
    assert doctor.returncode == OTHER
    (found,) = [each for each in json.loads(doctor.stdout) if each["what"] == "seal"]
    assert found == {
        "verdict": "wrong",
        "what": "seal",
        "subject": "pkcs11:hsm-a",
        "why": gone,
        "do": "bring the seal back; for other seals run `meridian region rotate-root`",
    }
    token.put_back()
    again = json.loads(run(region, "region", "doctor", "--output", "json").stdout)
    assert [each for each in again if each["what"] == "seal"] == []
    region.start()
    works(region, b"")


def test_a_spare_token_that_is_gone_is_told_and_the_region_starts(region: Deployment, token: Token) -> None:
    seal_with(region, file_seal(region), token.seal_table(SEAL))
    assert run(region, "region", "rotate-root").returncode == OK
    token.take_out()
    region.start()
    works(region, b"")
    assert region.metrics(HOME)['meridian_seal_opens{provider="pkcs11:hsm-a"}'] == 0.0


@pytest.mark.deep
def test_a_token_that_is_removed_while_the_region_serves_is_missed_when_the_hierarchy_turns_and_not_before(
    region: Deployment, token: Token
) -> None:
    seal_with(region, file_seal(region), token.seal_table(SEAL))
    assert run(region, "region", "rotate-root").returncode == OK
    seal_with(region, token.seal_table(SEAL))
    assert run(region, "region", "rotate-root").returncode == OK
    region.start()
    token.say("removed")
    blob = works(region, b"")
    refused = run(region, "region", "rotate-kek")
    assert refused.returncode == SETUP
    assert "was removed, or cannot be reached" in refused.stderr
    token.unsay("removed")
    assert run(region, "region", "rotate-kek").returncode == OK
    token.say("removed")
    works(region, blob)
    token.unsay("removed")
    assert os.listdir(token.folder / "tokens")


@pytest.mark.deep
def test_a_library_that_is_not_installed_is_told_with_its_name(region: Deployment, token: Token) -> None:
    """module, token, key and pin_file are each needed."""
    table = token.seal_table(SEAL)
    seal_with(region, file_seal(region), table.replace("tokens.so", "nothing.so"))
    refused = run(region, "region", "rotate-root")
    assert refused.returncode == SETUP
    assert "nothing.so is no file" in refused.stderr
    for name in ("module", "token", "key", "pin_file"):
        seal_with(region, "".join(line + "\n" for line in table.splitlines() if not line.startswith(f"{name} =")))
        refused = run(region, "region", "rotate-root")
        assert refused.returncode == SETUP
        assert f"seals.0.{name}" in refused.stderr, refused.stderr
    seal_with(region, table.replace('token = "hsm-a"', f'token = "{"x" * 33}"'))
    assert "must be the label of a token: 1 to 32 bytes of text" in run(region, "region", "rotate-root").stderr

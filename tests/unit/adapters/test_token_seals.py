"""A root key under a key of a token: opened by the token alone, and each way in which a token fails is told in its own words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.reported_events import ReportedEvents
from tests.tokens import OTHER_PIN, PIN, Token, new_token, wait_for_token_thread

from meridian.adapters.entropy_os import OsEntropy
from meridian.adapters.pkcs11 import seal as seals
from meridian.adapters.pkcs11.library import TokenPlace, TokenSession, binding, open_session
from meridian.adapters.pkcs11.seal import TokenSeal, provider_name
from meridian.adapters.pkcs11.thread import token_thread
from meridian.domain.encoding import length_prefixed_tuple, read_length_prefixed_tuple
from meridian.domain.secret import Secret
from meridian.engine.box import ACCESS
from meridian.engine.keyring import KeyringRows, create, next_root, unlock
from meridian.engine.seals import FileSeal, Seal, SealError
from meridian.ports.store.region import RegionIdentity

REGION = RegionIdentity("deployment-1", "aws", "us-east-1", 0, datetime(2026, 1, 1, tzinfo=UTC))
PATIENCE = 20.0


@pytest.fixture
def token(tmp_path: Path) -> Token:
    return new_token(tmp_path / "hsm", "hsm-a")


def seal_in(token: Token, key: str = "meridian-seal") -> TokenSeal:
    return TokenSeal(TokenPlace(token.module, token.label), key, token.pin_file)


def in_token(token: Token, work: Any) -> Any:
    """What comes of work in a session with the token."""

    def do() -> Any:
        session = open_session(TokenPlace(token.module, token.label), Secret(PIN.encode()))
        try:
            return work(session)
        finally:
            session.close()

    return token_thread().wait(do, PATIENCE)


def generate_as(session: TokenSession, label: str, **attributes: bool) -> None:
    """A key as somebody else might make it."""
    p = binding()
    given = {p.Attribute[name]: value for name, value in attributes.items()}
    template = {p.Attribute.SENSITIVE: True, p.Attribute.EXTRACTABLE: False} | given
    use = p.MechanismFlag.ENCRYPT | p.MechanismFlag.DECRYPT
    session.bound.generate_key(p.KeyType.AES, 256, id=b"made-elsewhere-1", label=label, store=True, capabilities=use, template=template)


def test_its_key_is_made_once_and_gives_back_each_sealing_key(token: Token) -> None:
    seal = seal_in(token)
    first, second = seal.new_parameters(OsEntropy()), seal.new_parameters(OsEntropy())
    assert token.key_files == 1
    assert len({seal.key(first).reveal(ACCESS), seal.key(second).reveal(ACCESS)}) == 2
    assert seal.key(first).reveal(ACCESS) == seal.key(first).reveal(ACCESS)
    assert seal.key(first).reveal(ACCESS) not in first + token.bytes_at_rest()
    assert not token.was_called_by_another_thread


def test_it_opens_a_root_beside_other_seals_and_after_its_key_was_changed(token: Token, tmp_path: Path) -> None:
    (tmp_path / "seal").write_bytes(b"s" * 32)
    (tmp_path / "seal").chmod(0o600)
    other = new_token(tmp_path / "other", "hsm-b")
    all_three: list[Seal] = [FileSeal(tmp_path / "seal"), seal_in(token), seal_in(other)]
    roots, kek = create(REGION, all_three, REGION.created_at, OsEntropy())
    for one in all_three:
        unlock(REGION, roots, [kek], [one], OsEntropy(), ReportedEvents())
    renewed = next_root(REGION, KeyringRows(tuple(roots), (kek,)), [seal_in(token, "next")], OsEntropy(), ReportedEvents())
    assert [row.provider for row in renewed.roots] == ["pkcs11:hsm-a"]
    unlock(REGION, renewed.roots, renewed.keks, [seal_in(token, "whatever it is called now")], OsEntropy(), ReportedEvents())
    with pytest.raises(SealError, match="no seal for any of pkcs11:hsm-a"):
        unlock(REGION, renewed.roots, renewed.keks, [seal_in(other)], OsEntropy(), ReportedEvents())


def test_another_token_that_has_the_label_opens_nothing(token: Token, tmp_path: Path) -> None:
    roots, kek = create(REGION, [seal_in(token)], REGION.created_at, OsEntropy())
    with pytest.raises(SealError, match=r'token "hsm-a" of .*does not have the key'):
        unlock(REGION, roots, [kek], [seal_in(new_token(tmp_path / "other", "hsm-a"))], OsEntropy(), ReportedEvents())


@pytest.mark.parametrize("at", range(4))
def test_every_part_of_what_stands_beside_the_root_is_bound(token: Token, at: int) -> None:
    seal = seal_in(token)
    parts = read_length_prefixed_tuple(seal.new_parameters(OsEntropy()))
    parts[at] = bytes([parts[at][0] ^ 1]) + parts[at][1:]
    with pytest.raises(SealError, match=r"another form|does not have the key|refuses"):
        seal.key(length_prefixed_tuple(*parts))


def test_parameters_that_nobody_wrote_are_refused(token: Token) -> None:
    for parameters in (b"", b"\x04\x00", length_prefixed_tuple(b"\x01", b"id", b"iv", b""), length_prefixed_tuple(b"\x01")):
        with pytest.raises(SealError, match=r"cannot be read|another form"):
            seal_in(token).key(parameters)


def test_a_token_that_is_not_there_is_named_and_is_found_when_it_is_back(token: Token) -> None:
    seal = seal_in(token)
    parameters = seal.new_parameters(OsEntropy())
    token.take_out()
    with pytest.raises(SealError, match=r'token "hsm-a" of .*tokens.so: its library shows no token of this label'):
        seal.key(parameters)
    token.put_back()
    assert seal.key(parameters).reveal(ACCESS)


def test_a_token_that_was_removed_is_told(token: Token) -> None:
    seal = seal_in(token)
    parameters = seal.new_parameters(OsEntropy())
    token.say("removed")
    with pytest.raises(SealError, match="was removed, or cannot be reached"):
        seal.key(parameters)
    token.unsay("removed")
    assert seal.key(parameters).reveal(ACCESS)


def test_a_wrong_pin_is_presented_once_and_a_locked_one_is_told(token: Token) -> None:
    seal = seal_in(token)
    parameters = seal.new_parameters(OsEntropy())
    token.write_pin(OTHER_PIN)
    for tries in range(1, 4):
        before = token.logins
        with pytest.raises(SealError, match="refuses the PIN, which is not tried again") as refused:
            seal.key(parameters)
        assert token.logins == before + 1, tries
        assert OTHER_PIN not in str(refused.value)
    with pytest.raises(SealError, match="has locked the PIN; its security officer can unlock it"):
        seal.key(parameters)


def test_a_token_that_hangs_is_waited_for_so_long_and_refused_at_once_while_it_does(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    seal = seal_in(token)
    parameters = seal.new_parameters(OsEntropy())
    monkeypatch.setattr(seals, "SEAL_SECONDS", 0.3)
    token.say("hang")
    try:
        with pytest.raises(SealError, match=r"did not answer in time .*within 0\.3 seconds"):
            seal.key(parameters)
        with pytest.raises(SealError, match=r"did not answer in time .*a call before has not come back"):
            seal.key(parameters)
    finally:
        token.unsay("hang")
    monkeypatch.setattr(seals, "SEAL_SECONDS", PATIENCE)
    wait_for_token_thread()
    assert seal.key(parameters).reveal(ACCESS)


@pytest.mark.parametrize("attributes", [{"EXTRACTABLE": True}, {"SENSITIVE": False}, {"WRAP": True}])
def test_a_key_that_could_leave_the_token_seals_nothing(token: Token, attributes: dict[str, bool]) -> None:
    in_token(token, lambda session: generate_as(session, "meridian-seal", **attributes))
    with pytest.raises(SealError, match=f"would give the key out.*{next(iter(attributes))}"):
        seal_in(token).new_parameters(OsEntropy())


def test_the_key_that_was_made_cannot_be_read_nor_be_given_out(token: Token) -> None:
    p = binding()
    seal_in(token).new_parameters(OsEntropy())

    def try_it(session: TokenSession) -> None:
        key = session.labelled("meridian-seal")
        assert key is not None
        with pytest.raises(p.AttributeSensitive):
            key[p.Attribute.VALUE]
        for name, value in (("EXTRACTABLE", True), ("SENSITIVE", False), ("WRAP", True)):
            with pytest.raises(p.PKCS11Error):
                key[p.Attribute[name]] = value
        wrapping = session.bound.generate_key(p.KeyType.AES, 256, capabilities=p.MechanismFlag.WRAP)
        with pytest.raises(p.PKCS11Error):
            wrapping.wrap_key(key)

    in_token(token, try_it)


def test_a_library_that_is_none_and_a_pin_that_others_may_read_are_refused(token: Token, tmp_path: Path) -> None:
    with pytest.raises(SealError, match=r"its library cannot be loaded .*is no file"):
        TokenSeal(TokenPlace(tmp_path / "no.so", "hsm-a"), "k", token.pin_file).new_parameters(OsEntropy())
    (tmp_path / "text.so").write_text("text")
    with pytest.raises(SealError, match="its library cannot be loaded"):
        TokenSeal(TokenPlace(tmp_path / "text.so", "hsm-a"), "k", token.pin_file).new_parameters(OsEntropy())
    token.pin_file.chmod(0o644)
    with pytest.raises(SealError, match=r"PIN file .*mode 0644 is looser"):
        seal_in(token).new_parameters(OsEntropy())


def test_a_long_label_makes_a_name_that_is_kept_whole_and_is_its_own() -> None:
    names = {provider_name(label) for label in ("a" * 25, "a" * 32, "a" * 31 + "b")}
    assert len(names) == 3
    assert max(map(len, names)) <= 32

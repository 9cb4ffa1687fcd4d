"""A serial is known by the Region that made it, for what it was made."""

from __future__ import annotations

from meridian.adapters.entropy_os import OsEntropy
from meridian.domain.secret import Secret
from meridian.engine.serials import SerialCommands

ACCOUNT, KEY_ID, REGION = "111122223333", "mrk-" + "0" * 32, "eu-west-1"


def test_a_serial_is_known_again_by_its_maker_for_its_account_key_and_region_alone() -> None:
    maker, other = (SerialCommands(Secret(byte * 32), OsEntropy()) for byte in (b"a", b"b"))
    serial = maker.membership_serial(ACCOUNT, KEY_ID, REGION)
    assert len(serial) == 64
    assert serial != maker.membership_serial(ACCOUNT, KEY_ID, REGION)
    assert maker.is_own_membership_serial(ACCOUNT, KEY_ID, REGION, serial)
    assert not other.is_own_membership_serial(ACCOUNT, KEY_ID, REGION, serial)
    assert not maker.is_own_membership_serial("222233334444", KEY_ID, REGION, serial)
    assert not maker.is_own_membership_serial(ACCOUNT, "mrk-" + "1" * 32, REGION, serial)
    assert not maker.is_own_membership_serial(ACCOUNT, KEY_ID, "us-east-1", serial)


def test_any_other_text_is_no_serial() -> None:
    maker = SerialCommands(Secret(b"a" * 32), OsEntropy())
    serial = maker.membership_serial(ACCOUNT, KEY_ID, REGION)
    flipped = serial[:-1] + ("0" if serial[-1] != "0" else "1")
    for text in (
        "",
        "x",
        serial[:-1],
        serial + "0",
        serial.upper() if serial.upper() != serial else "G" * 64,
        flipped,
        serial[:32],
        "é" * 64,
    ):
        assert not maker.is_own_membership_serial(ACCOUNT, KEY_ID, REGION, text)

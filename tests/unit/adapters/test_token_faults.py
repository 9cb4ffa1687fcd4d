"""Whatever a PKCS#11 library says, there is a row for it; and the guide explains every outcome in the words that are shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from meridian.adapters.pkcs11.outcomes import OF_LIBRARY, TABLE, Outcome, fault_of

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "hardware-tokens.md"
pkcs11 = pytest.importorskip("pkcs11", reason="NOT TESTED: python-pkcs11 is not installed: make setup")


def errors() -> dict[str, type[Exception]]:
    return {name: kind for name, kind in vars(pkcs11).items() if isinstance(kind, type) and issubclass(kind, pkcs11.PKCS11Error)}


def test_every_name_of_the_table_is_one_that_the_binding_raises() -> None:
    assert set(OF_LIBRARY) <= set(errors())


@pytest.mark.parametrize("name", sorted(errors()))
def test_every_fault_of_a_library_has_an_outcome_and_shows_its_name_alone(name: str) -> None:
    fault = fault_of(errors()[name]("what a library may write"))
    assert fault.outcome is OF_LIBRARY.get(name, Outcome.REFUSED)
    assert fault.reason == f"{fault.outcome}: {name}"
    assert "write" not in f"{fault}{fault.reason}"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("NoSuchToken", "CLUSTER_NOT_FOUND"),
        ("TokenNotPresent", "INSUFFICIENT_CLOUDHSM_HSMS"),
        ("PinIncorrect", "INVALID_CREDENTIALS"),
        ("PinLocked", "USER_LOCKED_OUT"),
        ("UserPinNotInitialized", "USER_NOT_FOUND"),
        ("AnotherUserAlreadyLoggedIn", "USER_LOGGED_IN"),
        ("DeviceRemoved", "NETWORK_ERRORS"),
        ("GeneralError", "INTERNAL_ERROR"),
    ],
)
def test_a_connection_that_fails_has_the_code_of_aws(name: str, code: str) -> None:
    assert TABLE[fault_of(errors()[name]()).outcome].connection == code


def test_a_pin_that_was_refused_is_never_tried_again() -> None:
    assert not any(TABLE[each].may_pass for each in (Outcome.PIN_REFUSED, Outcome.PIN_LOCKED, Outcome.NO_PIN))


@pytest.mark.parametrize("outcome", Outcome)
def test_the_guide_explains_every_outcome(outcome: Outcome) -> None:
    assert f"| {TABLE[outcome].text} |" in GUIDE.read_text()

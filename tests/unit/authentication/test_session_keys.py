"""Keys of a session are good beside their own token, until its end, while role and issuer are what they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.reported_events import ReportedEvents

from meridian.adapters.entropy_os import OsEntropy
from meridian.authentication.session_keys import SessionKeys
from meridian.domain.principal import Principal
from meridian.domain.secret import Secret
from meridian.domain.session import METHOD, Session, principal_of_session, role_arn_of, session_arn, session_user_id
from meridian.domain.token_rules import AssumableRole, TokenIssuer, TokenMapping
from meridian.engine.keyring import Keyring
from meridian.engine.session_tokens import SessionCommands
from meridian.errors import ExpiredTokenException, UnrecognizedClientException
from meridian.sts.v1 import sts_pb2
from meridian.transport.sts.answers import write_assumed

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ISSUER, ACCOUNT = "https://idp.example.com", "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deploy"
ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/build-7"
SESSION = Session("ASIAEXAMPLE", "a secret", ROLE, "build-7", ISSUER, "ann", NOW, NOW + timedelta(hours=1))


def mapping(*, role: bool = True, issuer: bool = True) -> TokenMapping:
    known = TokenIssuer(ISSUER, frozenset({"x"}), ("ES256",), 600, pod_bound=False)
    deploy = AssumableRole(Principal("Role", ACCOUNT, "deploy", ROLE, groups=("key-users",)), 3600, ())
    return TokenMapping({ISSUER: known} if issuer else {}, (), {ROLE: deploy} if role else {})


class Here:
    """Stands for the principals."""

    def __init__(self) -> None:
        self.mapping = mapping()


def commands(*keys: int) -> SessionCommands:
    keks = {number: Secret(bytes([number]) * 32) for number in keys}
    return SessionCommands(Keyring(keks, max(keys), OsEntropy(), ReportedEvents()))


def made() -> tuple[Any, SessionKeys, str]:
    place: Any = Here()
    tokens = commands(1)
    return place, SessionKeys(place, tokens), tokens.seal_session(SESSION)


def test_a_session_is_what_was_sealed() -> None:
    _, keys, token = made()
    found = keys.find("ASIAEXAMPLE", token, NOW)
    assert found is not None
    assert found.secret_access_key == "a secret"
    who = found.principal
    assert (who.arn, who.method, who.subject, who.session_name, who.groups) == (ROLE, METHOD, ARN, "build-7", ("key-users",))
    assert (who.token_issued_at, who.expires_at) == (NOW, SESSION.expires_at)
    again = keys.find("ASIAEXAMPLE", token, NOW)
    assert again is found
    assert "a secret" not in repr(SESSION) + repr(found) + token


def test_a_session_ends() -> None:
    _, keys, token = made()
    assert keys.find("ASIAEXAMPLE", token, NOW + timedelta(seconds=3599))
    with pytest.raises(ExpiredTokenException):
        keys.find("ASIAEXAMPLE", token, NOW + timedelta(seconds=3600))


@pytest.mark.parametrize("gone", ["role", "issuer"])
def test_a_session_ends_with_its_role_and_with_its_issuer(gone: str) -> None:
    place, keys, token = made()
    assert keys.find("ASIAEXAMPLE", token, NOW)
    place.mapping = mapping(**{gone: False})
    with pytest.raises(UnrecognizedClientException) as refused:
        keys.find("ASIAEXAMPLE", token, NOW)
    assert ROLE in refused.value.reason
    place.mapping = mapping()
    assert keys.find("ASIAEXAMPLE", token, NOW)


def test_a_token_is_good_beside_its_own_id_and_in_its_own_region() -> None:
    _, keys, token = made()
    elsewhere = commands(2).seal_session(SESSION)
    middle = len(token) // 2
    for given in (
        elsewhere,
        token[:-4],
        token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :],
        "x",
        "é" * 40,
        "A" * 9000,
    ):
        with pytest.raises(UnrecognizedClientException):
            keys.find("ASIAEXAMPLE", given, NOW)
    with pytest.raises(UnrecognizedClientException):
        keys.find("ASIAOTHER", token, NOW)


def test_what_is_of_no_session_is_left_to_others() -> None:
    _, keys, token = made()
    assert keys.find("AKIAEXAMPLE", token, NOW) is None
    assert keys.find("ASIAEXAMPLE", "", NOW) is None


def test_a_session_opens_under_a_key_encryption_key_that_was_replaced() -> None:
    token = commands(1).seal_session(SESSION)
    assert commands(1, 2).open_session("ASIAEXAMPLE", token) == SESSION


def test_sessions_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meridian.authentication.session_keys.SESSIONS_MAX", 2)
    place: Any = Here()
    tokens = commands(1)
    keys = SessionKeys(place, tokens)
    for number in range(3):
        session = replace(SESSION, access_key_id=f"ASIA{number}")
        assert keys.find(f"ASIA{number}", tokens.seal_session(session), NOW)
    assert len(keys._known) == 2


def test_the_longest_session_is_answered_whole() -> None:
    session = replace(
        SESSION, role_arn=f"arn:aws-somewhere:iam::{ACCOUNT}:role/{'r' * 64}", name="n" * 64, issuer="i" * 256, subject="\U0001f511" * 512
    )
    token = commands(1).seal_session(session)
    keys = sts_pb2.SessionCredentials(access_key_id="ASIAEXAMPLE", session_token=token)
    written = write_assumed(sts_pb2.AssumeRoleWithWebIdentityResponse(credentials=keys), "r").decode()
    assert f"<SessionToken>{token}</SessionToken>" in written
    assert commands(1).open_session("ASIAEXAMPLE", token) == session


def test_names_of_sessions() -> None:
    assert session_arn(ROLE, "build-7") == ARN
    assert role_arn_of(ARN) == ROLE
    assert session_user_id(ROLE, "x") == session_user_id(ROLE, "x") != session_user_id(f"{ROLE}er", "x")
    for other in (ROLE, "", "x", f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy", f"arn:aws:sts::{ACCOUNT}:federated-user/deploy/x"):
        assert role_arn_of(other) == ""
        assert principal_of_session(other, mapping()) is None
    found = principal_of_session(ARN, mapping())
    assert found is not None
    assert (found.arn, found.method, found.subject, found.session_name) == (ROLE, METHOD, ARN, "build-7")
    assert principal_of_session(ARN, mapping(role=False)) is None

"""Another Region is asked where the nearest is unavailable and the key is there too, and for nothing else; it is said who answered."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from tests.unit.client.kms_in_memory import AsyncMemoryKms, MemoryKms

from meridian.client import errors
from meridian.client.envelope import Envelope
from meridian.client.region_clients import AsyncRegions, Regions
from meridian.client.regions import AWAY, is_multi_region, key_in, names_related_keys
from meridian.client.statuses import UNREACHABLE, error_class
from meridian.contract.catalog import rpcs
from meridian.domain.ciphertext_blob import parse_ciphertext_blob
from meridian.transport.error_table import TABLE

HOME, AWAY_REGION = "us-east-1", "eu-west-1"
ARN = "arn:aws:kms:us-east-1:111122223333:key/mrk-0123"
CONTEXT = {"tenant": "a"}


def both(**fields: Any) -> tuple[Any, Any]:
    return MemoryKms(HOME, multi_region=True, **fields), MemoryKms(AWAY_REGION, multi_region=True)


def test_the_next_region_opens_what_the_nearest_cannot_and_it_is_said_who_did() -> None:
    home, away = both()
    told: list[tuple[str, str]] = []
    regions = Regions({HOME: home, AWAY_REGION: away}, told=lambda *who: told.append(who))
    made = regions.generate_data_key(key_id=ARN, key_spec="AES_256", encryption_context=CONTEXT)
    assert made.region == HOME
    for says in sorted(AWAY):
        home.says = says
        opened = regions.decrypt(ciphertext_blob=made.answer.ciphertext_blob, encryption_context=CONTEXT)
        assert (opened.region, opened.answer.plaintext) == (AWAY_REGION, made.answer.plaintext)
    home.says = ""
    assert regions.decrypt(ciphertext_blob=made.answer.ciphertext_blob, encryption_context=CONTEXT).region == HOME
    assert told == [("GenerateDataKey", HOME), *[("Decrypt", AWAY_REGION)] * len(AWAY), ("Decrypt", HOME)]


def test_unavailable_is_what_the_service_calls_so() -> None:
    of_status = {kind.__name__ for kind, code in TABLE.items() if code is grpc.StatusCode.UNAVAILABLE}
    met = {name for operation in ("Decrypt", "GenerateDataKey") for name in rpcs()[operation].errors}
    assert (of_status & met) | {UNREACHABLE} == AWAY


@pytest.mark.parametrize(
    "says", sorted({"AccessDeniedException", "ThrottlingException", "DEADLINE_EXCEEDED", "CANCELLED", "DisabledException"})
)
def test_any_other_refusal_is_the_answer(says: str) -> None:
    home, away = both()
    regions = Regions({HOME: home, AWAY_REGION: away})
    blob = home.generate_data_key(key_id=ARN, key_spec="AES_256", encryption_context=CONTEXT).ciphertext_blob
    home.says = says
    with pytest.raises(error_class(says)):
        regions.decrypt(ciphertext_blob=blob, encryption_context=CONTEXT)
    assert away.calls == []


def test_a_key_of_one_region_is_asked_for_there_alone() -> None:
    home, away = MemoryKms(HOME), MemoryKms(AWAY_REGION)
    clients: Any = {HOME: home, AWAY_REGION: away}
    blob = home.generate_data_key(key_id="k", key_spec="AES_256", encryption_context=CONTEXT).ciphertext_blob
    home.says = UNREACHABLE
    with pytest.raises(errors.EndpointConnectionError):
        Regions(clients).decrypt(ciphertext_blob=blob, encryption_context=CONTEXT)
    assert away.calls == []


def test_another_region_seals_only_where_its_caller_says_so() -> None:
    home, away = both(says=UNREACHABLE)
    clients = {HOME: home, AWAY_REGION: away}
    with pytest.raises(errors.EndpointConnectionError):
        Envelope(Regions(clients), ARN).encrypt(b"x", encryption_context=CONTEXT)
    assert away.calls == []
    sealed = Envelope(Regions(clients, seals_elsewhere=True), ARN).encrypt(b"x", encryption_context=CONTEXT)
    assert away.calls == [("GenerateDataKey", ARN.replace(HOME, AWAY_REGION))]
    assert Envelope(Regions(clients), ARN).decrypt(sealed, encryption_context=CONTEXT) == b"x"
    with pytest.raises(errors.EndpointConnectionError):
        Envelope(Regions(clients, seals_elsewhere=True), "alias/a").encrypt(b"x", encryption_context=CONTEXT)


def test_where_all_are_away_the_last_one_says_so() -> None:
    home, away = both(says=UNREACHABLE)
    away.says = "KeyUnavailableException"
    blob = MemoryKms(multi_region=True).generate_data_key(key_id="k", key_spec="AES_256", encryption_context=CONTEXT).ciphertext_blob
    with pytest.raises(errors.KeyUnavailableException):
        Regions({HOME: home, AWAY_REGION: away}).decrypt(ciphertext_blob=blob, encryption_context=CONTEXT)
    with pytest.raises(ValueError, match="clients"):
        Regions({})


@pytest.mark.asyncio
async def test_the_same_for_asyncio() -> None:
    home: Any = AsyncMemoryKms(HOME, multi_region=True)
    away: Any = AsyncMemoryKms(AWAY_REGION, multi_region=True)
    regions = AsyncRegions({HOME: home, AWAY_REGION: away}, seals_elsewhere=True)
    home.says = UNREACHABLE
    made = await regions.generate_data_key(key_id=ARN, key_spec="AES_256", encryption_context=CONTEXT)
    opened = await regions.decrypt(ciphertext_blob=made.answer.ciphertext_blob, encryption_context=CONTEXT)
    assert (made.region, opened.region) == (AWAY_REGION, AWAY_REGION)
    home.says = "AccessDeniedException"
    with pytest.raises(errors.AccessDeniedException):
        await regions.decrypt(ciphertext_blob=made.answer.ciphertext_blob, encryption_context=CONTEXT)
    with pytest.raises(errors.AccessDeniedException):
        await regions.generate_data_key(key_id=ARN, key_spec="AES_256", encryption_context=CONTEXT)


def test_what_a_ciphertext_and_a_name_say_of_their_key() -> None:
    for scope in (1, 2):
        blob = b"MK\x01\x01" + bytes([scope, 0, 0, 0]) + bytes(130)
        assert is_multi_region(blob) == parse_ciphertext_blob(blob).multi_region
    assert not is_multi_region(b"")
    assert not is_multi_region(b"XX\x01\x01\x02")
    named = {"mrk-1": True, ARN: True, "0123": False, "alias/mrk-1": False, "arn:aws:kms:us-east-1:111122223333:alias/mrk-1": False}
    assert {name: names_related_keys(name) for name in named} == named
    assert key_in("eu-west-1", "mrk-1") == "mrk-1"

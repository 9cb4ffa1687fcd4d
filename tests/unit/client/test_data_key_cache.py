"""A data key is used for as long, as often and for as many bytes as it was said, and for no other key or context."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.unit.client.kms_in_memory import AsyncMemoryKms, MemoryKms

from meridian.client.async_envelope import AsyncEnvelope
from meridian.client.data_keys import ENTRIES_MAX, DataKey, DataKeyCache, name_of
from meridian.client.envelope import Envelope

CONTEXT = {"tenant": "a"}
LONG = 600.0
OFTEN, MUCH = 1000, 1 << 30


@pytest.fixture
def kms() -> Any:
    return MemoryKms()


def calls(kms: Any, name: str) -> int:
    return [operation for operation, _ in kms.calls].count(name)


def test_without_a_cache_each_envelope_has_a_data_key_of_its_own(kms: Any) -> None:
    envelope = Envelope(kms, "k")
    for _ in range(3):
        assert envelope.decrypt(envelope.encrypt(b"x", encryption_context=CONTEXT), encryption_context=CONTEXT) == b"x"
    assert (calls(kms, "GenerateDataKey"), calls(kms, "Decrypt")) == (3, 3)


def test_a_data_key_seals_as_often_as_it_may_and_no_two_envelopes_are_alike(kms: Any) -> None:
    envelope = Envelope(kms, "k", cache=DataKeyCache(LONG, 3, MUCH))
    made = [envelope.encrypt(b"x", encryption_context=CONTEXT) for _ in range(7)]
    assert calls(kms, "GenerateDataKey") == 3
    assert len(set(made)) == 7
    assert [envelope.decrypt(each, encryption_context=CONTEXT) for each in made] == [b"x"] * 7
    assert calls(kms, "Decrypt") == 3


def test_a_data_key_seals_no_more_bytes_than_it_may(kms: Any) -> None:
    envelope = Envelope(kms, "k", cache=DataKeyCache(LONG, OFTEN, 100))
    made = []
    for size in (60, 40, 1, 98, 101, 1, 1):
        envelope.encrypt(bytes(size), encryption_context=CONTEXT)
        made.append(calls(kms, "GenerateDataKey"))
    assert made == [1, 1, 2, 2, 3, 3, 4], "60 and 40; 1, 98 and 1; 101 by itself"


def test_what_nobody_knows_the_length_of_has_a_data_key_of_its_own(kms: Any) -> None:
    envelope = Envelope(kms, "k", cache=DataKeyCache(LONG, OFTEN, MUCH))
    envelope.encrypt(b"x", encryption_context=CONTEXT)
    b"".join(envelope.encrypt_pieces([b"x"], encryption_context=CONTEXT))
    envelope.encrypt(b"x", encryption_context=CONTEXT)
    assert calls(kms, "GenerateDataKey") == 2


def test_a_data_key_is_as_old_as_it_may_be(kms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    envelope, begun = Envelope(kms, "k", cache=DataKeyCache(LONG, OFTEN, MUCH)), time.monotonic()
    sealed = envelope.encrypt(b"x", encryption_context=CONTEXT)
    envelope.decrypt(sealed, encryption_context=CONTEXT)
    monkeypatch.setattr(time, "monotonic", lambda: begun + 1.5 * LONG)
    envelope.encrypt(b"x", encryption_context=CONTEXT)
    envelope.decrypt(sealed, encryption_context=CONTEXT)
    assert (calls(kms, "GenerateDataKey"), calls(kms, "Decrypt")) == (2, 2)


def test_no_other_key_and_no_other_context_gets_it(kms: Any) -> None:
    cache = DataKeyCache(LONG, OFTEN, MUCH)
    first, second = Envelope(kms, "k", cache=cache), Envelope(kms, "other", cache=cache)
    sealed = first.encrypt(b"x", encryption_context=CONTEXT)
    first.decrypt(sealed, encryption_context=CONTEXT)
    second.encrypt(b"x", encryption_context=CONTEXT)
    first.encrypt(b"x", encryption_context={"tenant": "b"})
    assert calls(kms, "GenerateDataKey") == 3
    with pytest.raises(Exception, match="InvalidCiphertextException"):
        first.decrypt(sealed, encryption_context={"tenant": "b"})


def test_it_is_overwritten_when_it_goes_and_there_are_so_many() -> None:
    cache = DataKeyCache(LONG, OFTEN, MUCH)
    cache.keep(name_of("seal", b"first", {}), DataKey(bytearray(b"secret"), b"", ""), 1)
    (kept,) = [each.key for each in cache._kept.values()]
    for number in range(2 * ENTRIES_MAX):
        cache.keep(name_of("seal", str(number).encode(), {}), DataKey(bytearray(b"secret"), b"", ""), 1)
    assert len(cache._kept) == ENTRIES_MAX
    assert bytes(kept.plaintext) == bytes(6)
    left = [each.key for each in cache._kept.values()]
    cache.clear()
    assert not any(any(each.plaintext) for each in left)
    assert "secret" not in repr(cache) + repr(kept)


@pytest.mark.parametrize(
    ("limits", "told"), [((0, 1, 1), "seconds"), ((1, 0, 1), "uses"), ((1, 1, 0), "bytes_sealed"), ((1e9, 1, 1), "seconds")]
)
def test_a_limit_that_is_none_is_refused(limits: tuple[float, int, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        DataKeyCache(*limits)


@pytest.mark.asyncio
async def test_the_envelope_for_asyncio_keeps_them_too() -> None:
    kms: Any = AsyncMemoryKms()
    envelope = AsyncEnvelope(kms, "k", cache=DataKeyCache(LONG, OFTEN, MUCH))
    made = [await envelope.encrypt(b"x", encryption_context=CONTEXT) for _ in range(3)]
    assert [await envelope.decrypt(each, encryption_context=CONTEXT) for each in made] == [b"x"] * 3
    assert (calls(kms, "GenerateDataKey"), calls(kms, "Decrypt")) == (1, 1)

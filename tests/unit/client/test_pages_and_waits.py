"""Every list has an iterator over all of its pages; what is waited for comes, or it is said why it does not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from google.protobuf.message import Message
from tests.unit.client.regions_in_memory import Answer, region

from meridian.client import AsyncClient, Client, NeverReachedError, dry_run, dry_run_async, errors
from meridian.client.method import Method
from meridian.client.methods import ALL
from meridian.kms.v1 import key_stores_pb2, keys_pb2, types_pb2

LISTS = [each for each in ALL if "truncated" in each.response_class.DESCRIPTOR.fields_by_name]
PAGES = 3
CREATING, ENABLED, DISABLED = types_pb2.KEY_STATE_CREATING, types_pb2.KEY_STATE_ENABLED, types_pb2.KEY_STATE_DISABLED


def iterator_of(method: Method[Any, Any]) -> str:
    snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in method.name)
    return "iterate_" + snake.strip("_").partition("_")[2]


def paged(method: Method[Any, Any]) -> Answer:
    """Pages of two items each, under markers that say which comes next."""
    descriptor: Any = method.response_class.DESCRIPTOR
    (items,) = [field for field in descriptor.fields if field.is_repeated]

    def answer(request: Any) -> Message:
        page = int(request.marker or 0)
        last = page == PAGES - 1
        made: Any = method.response_class(truncated=not last, **({} if last else {"next_marker": str(page + 1)}))
        for at in range(2):
            name = f"{page}.{at}"
            if items.message_type is None:
                getattr(made, items.name).append(name)
            else:
                getattr(made, items.name).add(**{items.message_type.fields[0].name: name})
        page_of_items: Message = made
        return page_of_items

    return answer


def shown(item: Any) -> str:
    return item if isinstance(item, str) else str(getattr(item, item.DESCRIPTOR.fields[0].name))


def needed(method: Method[Any, Any]) -> dict[str, str]:
    return {"key_id": "k"} if "key_id" in method.request_class.DESCRIPTOR.fields_by_name and method.name != "ListAliases" else {}


@pytest.mark.parametrize("method", LISTS, ids=lambda method: method.name)
def test_every_list_is_had_item_by_item(method: Method[Any, Any]) -> None:
    seen: list[Any] = []
    with region({method.name: paged(method)}, seen) as endpoint, Client(endpoint) as kms:
        begun = getattr(kms, iterator_of(method))(limit=2, **needed(method))
        assert seen == [], "nothing is asked before the first item is"
        first = next(begun)
        assert len(seen) == 1
        found = [first, *begun]
    assert [shown(item) for item in found] == [f"{page}.{at}" for page in range(PAGES) for at in range(2)]
    assert [(each.marker, each.limit) for each in seen] == [("", 2), ("1", 2), ("2", 2)]


def test_the_contract_has_lists() -> None:
    assert {each.name for each in LISTS} >= {"ListKeys", "ListAliases", "ListGrants", "DescribeCustomKeyStores"}


@pytest.mark.asyncio
async def test_the_client_for_asyncio_iterates_too() -> None:
    method = next(each for each in LISTS if each.name == "ListKeys")
    with region({"ListKeys": paged(method)}, []) as endpoint:
        async with AsyncClient(endpoint) as kms:
            assert len([key async for key in kms.iterate_keys()]) == 2 * PAGES


def described(*keys: types_pb2.KeyMetadata) -> dict[str, Answer]:
    """DescribeKey answers these one after the other, and the last for ever."""
    left = list(keys)
    return {"DescribeKey": lambda _: keys_pb2.DescribeKeyResponse(key_metadata=left.pop(0) if len(left) > 1 else left[0])}


def key(state: types_pb2.KeyState.ValueType, material: str = "") -> types_pb2.KeyMetadata:
    return types_pb2.KeyMetadata(key_id="k", arn="arn:k", key_state=state, current_key_material_id=material)


def test_a_key_that_is_being_made_is_waited_for() -> None:
    seen: list[Message] = []
    with region(described(key(CREATING), key(CREATING), key(ENABLED)), seen) as endpoint, Client(endpoint) as kms:
        assert kms.wait_until_enabled(key_id="k", seconds=30).key_state == ENABLED
    assert len(seen) == 3


def test_a_key_that_will_not_work_by_itself_is_not_waited_for() -> None:
    with region(described(key(CREATING), key(DISABLED)), []) as endpoint, Client(endpoint) as kms:
        with pytest.raises(NeverReachedError, match="arn:k is Disabled"):
            kms.wait_until_enabled(key_id="k", seconds=30)


def test_a_rotation_is_waited_for() -> None:
    with region(described(key(ENABLED, "a"), key(ENABLED, "b")), []) as endpoint, Client(endpoint) as kms:
        assert kms.wait_until_rotated(key_id="k", material_before="a", seconds=30).current_key_material_id == "b"
    with region(described(key(ENABLED)), []) as endpoint, Client(endpoint) as kms:
        with pytest.raises(NeverReachedError, match="has no material that rotates"):
            kms.wait_until_rotated(key_id="k", material_before="a", seconds=30)


def stores(*states: types_pb2.ConnectionStateType.ValueType) -> dict[str, Answer]:
    """DescribeCustomKeyStores answers these one after the other, and the last for ever."""
    left = list(states)

    def answer(_: object) -> key_stores_pb2.DescribeCustomKeyStoresResponse:
        entry = types_pb2.CustomKeyStoresListEntry(custom_key_store_id="cks-1", connection_state=left.pop(0) if len(left) > 1 else left[0])
        return key_stores_pb2.DescribeCustomKeyStoresResponse(custom_key_stores=[entry])

    return {"DescribeCustomKeyStores": answer}


CONNECTING, CONNECTED = types_pb2.CONNECTION_STATE_TYPE_CONNECTING, types_pb2.CONNECTION_STATE_TYPE_CONNECTED
FAILED = types_pb2.CONNECTION_STATE_TYPE_FAILED


@pytest.mark.asyncio
async def test_a_store_that_is_being_connected_is_waited_for() -> None:
    with region(stores(CONNECTING, CONNECTED), []) as endpoint, Client(endpoint) as kms:
        assert kms.wait_until_connected(custom_key_store_id="cks-1", seconds=30).connection_state == CONNECTED
    with region(stores(CONNECTING, FAILED), []) as endpoint:
        async with AsyncClient(endpoint) as asynchronous:
            with pytest.raises(NeverReachedError, match="cks-1 is FAILED"):
                await asynchronous.wait_until_connected(custom_key_store_id="cks-1", seconds=30)
    with region(stores(CONNECTING), []) as endpoint, Client(endpoint) as kms:
        with pytest.raises(errors.DeadlineExceeded, match="not reached in time: cks-1 is CONNECTED"):
            kms.wait_until_connected(custom_key_store_id="cks-1", seconds=0.3)


@pytest.mark.asyncio
async def test_what_does_not_come_in_time_is_told() -> None:
    with region(described(key(CREATING, "a")), []) as endpoint:
        with Client(endpoint) as kms, pytest.raises(errors.DeadlineExceeded, match="not reached in time: k is Enabled"):
            kms.wait_until_enabled(key_id="k", seconds=0.3)
        async with AsyncClient(endpoint) as kms:
            with pytest.raises(errors.DeadlineExceeded, match="not reached in time: k has another material"):
                await kms.wait_until_rotated(key_id="k", material_before="a", seconds=0.3)
            with pytest.raises(ValueError, match="timeout"):
                await kms.wait_until_enabled(key_id="k", seconds=0)


@pytest.mark.asyncio
async def test_a_look_that_takes_too_long_is_told_as_what_was_waited_for() -> None:
    def slowly(_: object) -> keys_pb2.DescribeKeyResponse:
        time.sleep(1)
        return keys_pb2.DescribeKeyResponse(key_metadata=key(ENABLED))

    with region({"DescribeKey": slowly}, []) as endpoint:
        with Client(endpoint) as kms, pytest.raises(errors.DeadlineExceeded, match="not reached in time: k is Enabled"):
            kms.wait_until_enabled(key_id="k", seconds=0.3)
        async with AsyncClient(endpoint) as asynchronous:
            with pytest.raises(errors.DeadlineExceeded, match="not reached in time: k is Enabled"):
                await asynchronous.wait_until_enabled(key_id="k", seconds=0.3)


class Kms:
    """Stands for a client: what its one call raises."""

    def __init__(self, code: type[errors.KmsServiceError] | None) -> None:
        self.code = code
        self.given: dict[str, Any] = {}

    def encrypt(self, *, key_id: str, dry_run: bool = False) -> None:
        self.given = {"key_id": key_id, "dry_run": dry_run}
        if self.code is not None:
            raise self.code(self.code.__name__, "", "", {}, (), None)

    async def later(self, *, key_id: str, dry_run: bool = False) -> None:
        self.encrypt(key_id=key_id, dry_run=dry_run)


@pytest.mark.asyncio
async def test_a_dry_run_tells_what_the_call_would_meet() -> None:
    allowed, denied = Kms(errors.DryRunOperationException), Kms(errors.AccessDeniedException)
    assert dry_run(allowed.encrypt, key_id="k") is None
    assert allowed.given == {"key_id": "k", "dry_run": True}
    assert isinstance(dry_run(denied.encrypt, key_id="k"), errors.AccessDeniedException)
    assert await dry_run_async(allowed.later, key_id="k") is None
    assert isinstance(await dry_run_async(denied.later, key_id="k"), errors.AccessDeniedException)
    for made in (Kms(None),):
        with pytest.raises(RuntimeError, match="was made"):
            dry_run(made.encrypt, key_id="k")
        with pytest.raises(RuntimeError, match="was made"):
            await dry_run_async(made.later, key_id="k")

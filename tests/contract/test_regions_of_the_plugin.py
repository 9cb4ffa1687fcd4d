"""What the plug-in of Kubernetes is promised by a Region: a running one behind its client, and the one of tests, which stands for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from tests.deployment import HOME, Deployment
from tests.ports import free_port
from tests.unit.k8s_kms.fake_regions import KEY, FakeRegion

from meridian.client import AsyncClient
from meridian.client.errors import KmsServiceError
from meridian.k8s_kms.regions import AWAY

SEED, CONTEXT = b"32 bytes that no Region may keep", {"k8s-kms-key-id": "name"}
SECONDS = 20.0


@dataclass
class Place:
    """A Region with two keys; how the first is rotated, and the client of one that says nothing."""

    client: Any
    arn: str
    other_arn: str
    rotate: Callable[[], Awaitable[None]]
    silent: Any

    async def closed(self) -> bytes:
        answer = await self.client.encrypt(
            key_id=self.arn, plaintext=SEED, encryption_context=CONTEXT, timeout=SECONDS, caller_request_id="uid-1"
        )
        assert answer.key_id == self.arn
        return bytes(answer.ciphertext_blob)

    async def opened(self, blob: bytes, *, arn: str = "", context: dict[str, str] | None = None) -> Any:
        return await self.client.decrypt(
            ciphertext_blob=blob,
            key_id=arn or self.arn,
            encryption_context=CONTEXT if context is None else context,
            timeout=SECONDS,
            caller_request_id="uid-2",
        )


ARN = KEY.arn_in(KEY.region)


@pytest_asyncio.fixture(params=["of tests", "running"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    if request.param == "of tests":
        region = FakeRegion()

        async def rotate() -> None:
            region.material = "b"

        yield Place(region, ARN, f"{ARN[:-1]}0", rotate, FakeRegion(hangs=True))
        return
    regions: Deployment = await asyncio.to_thread(request.getfixturevalue, "two_regions")
    endpoint = regions.endpoint(HOME, "developer")
    nowhere = replace(endpoint, target=f"127.0.0.1:{free_port()}")
    async with AsyncClient(endpoint) as client, AsyncClient(nowhere) as silent:
        first, second = [(await client.create_key()).key_metadata.arn for _ in range(2)]

        async def rotate_on_demand() -> None:
            await client.rotate_key_on_demand(key_id=first)

        yield Place(client, first, second, rotate_on_demand, silent)


@pytest.mark.asyncio
async def test_a_ciphertext_opens_and_names_the_key_and_its_material(place: Place) -> None:
    blob = await place.closed()
    assert SEED not in blob or place.arn == ARN, "only the one of tests shows what is inside"
    read = await place.opened(blob)
    assert (read.plaintext, read.key_id) == (SEED, place.arn)
    assert read.key_material_id


@pytest.mark.asyncio
async def test_it_opens_under_no_other_context_and_what_was_not_made_there_opens_not_at_all(place: Place) -> None:
    blob = await place.closed()
    for wrong, context in ((blob, {"k8s-kms-key-id": "another"}), (blob, {}), (b"x" * 200, CONTEXT), (b"|" * 200, CONTEXT)):
        with pytest.raises(KmsServiceError) as refused:
            await place.opened(wrong, context=context)
        assert (refused.value.code, bool(refused.value.request_id)) == ("InvalidCiphertextException", True)


@pytest.mark.asyncio
async def test_it_opens_under_no_other_key(place: Place) -> None:
    with pytest.raises(KmsServiceError) as refused:
        await place.opened(await place.closed(), arn=place.other_arn)
    assert refused.value.code == "IncorrectKeyException"


@pytest.mark.asyncio
async def test_a_rotation_changes_the_material_and_what_was_closed_before_opens(place: Place) -> None:
    before = await place.closed()
    first = (await place.opened(before)).key_material_id
    await place.rotate()
    async with asyncio.timeout(60):
        while (second := (await place.opened(await place.closed())).key_material_id) == first:
            await asyncio.sleep(0.05)
    read = await place.opened(before)
    assert (read.plaintext, read.key_material_id) == (SEED, first)
    assert second


@pytest.mark.asyncio
async def test_one_that_says_nothing_is_away_within_the_time_that_it_had(place: Place) -> None:
    with pytest.raises(KmsServiceError) as silence:
        await place.silent.encrypt(key_id=place.arn, plaintext=SEED, encryption_context=CONTEXT, timeout=0.3, caller_request_id="uid-3")
    assert silence.value.code in AWAY

"""A Region's memory does not grow with what its callers do: with changes of keys, new keys, new policies and new contexts."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.architecture.caches import CACHES, Measured
from tests.deployment import AWAY, HOME, Deployment

from meridian.client import Client

pytestmark = pytest.mark.deep

BYTES_MAX = 2_000_000
"""Of the small caches: what a few dozen keys need."""
GROWN_MB_PER_THOUSAND = 8.0
"""Of the whole process, once it is warm. Before versions left with their successors it was 50 to 90."""
PERMIT = 'permit (principal == KMS::Service::"111122223333/app", action in KMS::Action::"Use", resource is KMS::Key)'


def rss_mb(deployment: Deployment, region: str) -> float:
    pages = int(Path(f"/proc/{deployment.processes[region].pid}/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def change_and_use(alice: Client, app: Client, keys: list[str], numbers: range) -> None:
    """Changes of every kind that callers make most, each followed by a use in a context that was never seen."""
    for number in numbers:
        key_id = keys[number % len(keys)]
        if number % 2:
            alice.update_key_description(key_id=key_id, description=f"{number}")
        else:
            alice.put_key_policy(key_id=key_id, policy=f'{PERMIT};\n{PERMIT} when {{ principal.account == "{number:012d}" }};')
        app.encrypt(key_id=key_id, plaintext=b"x", encryption_context={"number": f"{number}"})


def taken(deployment: Deployment, region: str) -> dict[str, float]:
    """What each cache takes, by the metric."""
    start = "meridian_cache_bytes{"
    return {name.split('"')[1]: value for name, value in deployment.metrics(region).items() if name.startswith(start)}


def new_keys(alice: Client, count: int) -> list[str]:
    return [alice.create_key(policy=f"{PERMIT};").key_metadata.key_id for _ in range(count)]


def grown_per_thousand(deployment: Deployment, region: str, *, warm: int, changes: int) -> float:
    with deployment.client(region) as alice, deployment.client(region, "app") as app:
        keys = new_keys(alice, 5)
        change_and_use(alice, app, keys, range(warm))
        before = rss_mb(deployment, region)
        change_and_use(alice, app, keys, range(warm, warm + changes))
        return (rss_mb(deployment, region) - before) / changes * 1000


def test_caches_stay_under_the_bound_of_the_settings_and_each_is_told(own_regions: Deployment) -> None:
    """`cache_bytes` acts: the same calls fill more under the default."""
    settings = own_regions.place(AWAY).settings
    settings.write_text(f"limits.cache_bytes = {BYTES_MAX}\n" + settings.read_text())
    own_regions.start()
    for region in (HOME, AWAY):
        with own_regions.client(region) as alice, own_regions.client(region, "app") as app:
            keys = new_keys(alice, 60)
            change_and_use(alice, app, keys, range(len(keys)))
            for key_id in keys:
                app.encrypt(key_id=key_id, plaintext=b"x")
    large, small = taken(own_regions, HOME), taken(own_regions, AWAY)
    assert set(small) == {kind.metric for kind in CACHES.values() if isinstance(kind, Measured)}
    assert sum(small.values()) <= BYTES_MAX < sum(large.values())


def test_changes_of_keys_leave_nothing_behind(own_regions: Deployment) -> None:
    own_regions.start(HOME)
    assert grown_per_thousand(own_regions, HOME, warm=200, changes=600) < GROWN_MB_PER_THOUSAND


@pytest.mark.deep
def test_thousands_of_changes_and_new_keys_leave_memory_flat(own_regions: Deployment) -> None:
    """Caches that are full: the keys are new all the time, so that what leaves does so for its bytes."""
    settings = own_regions.place(HOME).settings
    settings.write_text(f"limits.cache_bytes = {4 * BYTES_MAX}\n" + settings.read_text())
    own_regions.start(HOME)
    with own_regions.client() as alice, own_regions.client(HOME, "app") as app:

        def round_of(count: int) -> None:
            for number in range(count):
                keys = new_keys(alice, 5)
                change_and_use(alice, app, keys, range(10 * number, 10 * number + 10))
            assert sum(taken(own_regions, HOME).values()) <= 4 * BYTES_MAX

        round_of(60)
        before = rss_mb(own_regions, HOME)
        round_of(120)
        assert rss_mb(own_regions, HOME) < 1.05 * before

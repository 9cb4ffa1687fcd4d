"""DescribeRegions on two real Regions: keys, releases, and what becomes of one that is away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.deployment import AWAY, HOME, Deployment

pytestmark = pytest.mark.deep


@pytest.fixture
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("standings"), [HOME, AWAY], settings_added="limits.compare_seconds = 2\n").prepare()
    try:
        made.start()
        yield made
    finally:
        made.stop_all()


def test_a_region_that_goes_away_is_silent_and_is_not_told(deployment: Deployment) -> None:
    with deployment.client(HOME, "alice") as alice:

        def there() -> Any:
            (found,) = [each for each in alice.describe_regions().regions if each.region == AWAY]
            return found

        key_id = alice.create_key(multi_region=True).key_metadata.key_id
        alice.create_key()
        alice.replicate_key(key_id=key_id, replica_region=AWAY)
        deployment.wait_until(lambda: there().release)
        told = alice.describe_regions()
        (here,) = [each for each in told.regions if each.here]
        assert (told.keys, here.primaries, here.replicas, there().primaries, there().replicas) == (2, 1, 0, 0, 1)
        assert (list(here.troubles), list(there().troubles), there().release) == ([], [], here.release)
        deployment.stop(AWAY)
        alice.rotate_key_on_demand(key_id=key_id)
        deployment.wait_until(lambda: there().troubles and there().waiting and there().HasField("waiting_since"))
        last = there().heard_at.ToDatetime()
        deployment.start(AWAY)
        deployment.wait_until(lambda: not there().troubles and not there().waiting and there().heard_at.ToDatetime() > last)

"""What `--wait` ends with where the effect does not come."""

from __future__ import annotations

import pytest
from tests.unit.client.regions_in_memory import region
from tests.unit.client.test_pages_and_waits import CREATING, described, key

from meridian.cli.exit_codes import KEY_STATE
from meridian.cli.waits import Awaited
from meridian.client import Client, errors
from meridian.kms.v1 import multi_region_pb2, types_pb2

REQUEST = multi_region_pb2.UpdatePrimaryRegionRequest(key_id="k", primary_region="eu-west-1")


def test_what_never_comes_by_itself_ends_with_the_code_of_a_keys_state(capsys: pytest.CaptureFixture[str]) -> None:
    with region(described(key(CREATING), key(types_pb2.KEY_STATE_DISABLED)), []) as endpoint, Client(endpoint) as kms:
        awaited = Awaited.prepare("UpdatePrimaryRegion", endpoint, REQUEST, kms)
        with pytest.raises(SystemExit) as ended:
            awaited.finish(REQUEST, 30)
    assert ended.value.code == KEY_STATE
    assert "arn:k is Disabled, and will not be Enabled by itself" in capsys.readouterr().err


def test_what_takes_too_long_is_told_as_what_was_waited_for() -> None:
    with region(described(key(CREATING)), []) as endpoint, Client(endpoint) as kms:
        with pytest.raises(errors.DeadlineExceeded, match="not reached in time: k is Enabled"):
            Awaited.prepare("UpdatePrimaryRegion", endpoint, REQUEST, kms).finish(REQUEST, 0.3)

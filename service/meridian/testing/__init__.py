"""A real Region for the tests of callers: `with region() as kms_region: …`, or the fixtures of `meridian.testing.pytest_fixtures`."""

from meridian.testing.running_region import RegionError, RunningRegion, region

__all__ = ["RegionError", "RunningRegion", "region"]

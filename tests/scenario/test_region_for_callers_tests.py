"""`meridian.testing`: callers have a real Region for their tests, and nothing is left of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from meridian.client import errors
from meridian.testing import RegionError, RunningRegion, region

SECONDS = 240
CONFTEST = 'pytest_plugins = ["meridian.testing.pytest_fixtures"]\n'
TESTS = """
def test_a_program_of_somebody_else(meridian_kms):
    key = meridian_kms.create_key().key_metadata.key_id
    sealed = meridian_kms.encrypt(key_id=key, plaintext=b"x").ciphertext_blob
    assert meridian_kms.decrypt(ciphertext_blob=sealed).plaintext == b"x"


def test_another_one(meridian_region, meridian_kms):
    assert [key.key_id for key in meridian_kms.iterate_keys()]
    print("SERVED BY", meridian_region.folder)
"""


@pytest.fixture(scope="module")
def running() -> Iterator[RunningRegion]:
    with region("eu-west-1") as made:
        yield made
    assert not made.folder.exists(), "nothing is left"


def test_each_principal_does_what_he_may(running: RunningRegion) -> None:
    with running.client() as developer, running.client("auditor") as auditor:
        arn = developer.create_key().key_metadata.arn
        assert arn.startswith("arn:aws:kms:eu-west-1:111122223333:key/")
        with pytest.raises(errors.AccessDeniedException):
            auditor.encrypt(key_id=arn, plaintext=b"x")


def test_programs_under_test_find_it_in_their_environment(running: RunningRegion) -> None:
    text = "from meridian.client import Client, Endpoint\nprint(Client(Endpoint.find()).create_key().key_metadata.arn)"
    given = {**os.environ, **running.environment()}
    done = subprocess.run([sys.executable, "-c", text], env=given, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert done.stdout.startswith("arn:aws:kms:eu-west-1:")
    variables = running.environment()
    kms = boto3.session.Session(
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=running.name,
    ).client("kms", endpoint_url=running.aws_endpoint)
    assert done.stdout.strip() in [key["KeyArn"] for key in kms.list_keys()["Keys"]]


@pytest.mark.deep
def test_the_fixtures_of_pytest_bring_one_for_the_session(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_program.py").write_text(TESTS)
    pytest_itself = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(pytest_itself, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    folder = Path(done.stdout.partition("SERVED BY ")[2].splitlines()[0])
    assert not folder.exists()


def test_a_region_that_does_not_start_says_why() -> None:
    with pytest.raises(RegionError, match="is no name of a Region"), region("nowhere!"):
        pass
    with pytest.raises(RegionError, match="did not start: no such thing"), region(program=("sh", "-c", "echo no such thing; exit 3")):
        pass

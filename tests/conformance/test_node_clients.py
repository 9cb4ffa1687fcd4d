"""The AWS SDK and the AWS Encryption SDK for JavaScript, unchanged: one test for each story that a file in `node/` exports."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.aws import environment, url
from tests.deployment import AWAY, HOME, Deployment
from tests.installing import install

FOLDER = Path(__file__).with_name("node")
INSTALL = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]


def stories(file: str) -> list[str]:
    """The names of what a file exports, in its order; none can be forgotten here."""
    return re.findall(r"^export async function (\w+)\(", (FOLDER / file).read_text(), re.MULTILINE)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of `node/` beside their packages."""
    if shutil.which("node") is None:
        pytest.skip("node, which runs the clients for JavaScript, is not there")
    folder = tmp_path_factory.mktemp("clients") / "node"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules"))
    install("the clients for JavaScript", INSTALL, folder)
    return folder


def tell(installed: Path, regions: Deployment, file: str, story: str) -> None:
    here = {**os.environ, **environment(regions), "AWS_REGION": HOME, "AWAY": AWAY, "AWAY_URL": url(regions, AWAY)}
    run = ["node", "run.mjs", file, story]
    done = subprocess.run(run, cwd=installed, env=here, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("story", stories("client_kms.mjs"))
def test_the_sdk_for_javascript(installed: Path, two_regions: Deployment, story: str) -> None:
    tell(installed, two_regions, "client_kms.mjs", story)


@pytest.mark.parametrize("story", stories("encryption_sdk.mjs"))
def test_the_encryption_sdk_for_javascript(installed: Path, two_regions: Deployment, story: str) -> None:
    tell(installed, two_regions, "encryption_sdk.mjs", story)


def test_the_environment_that_a_development_deployment_writes_is_enough(installed: Path, two_regions: Deployment) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    source = '. "$1/env" && exec node run.mjs client_kms.mjs aKeyIsCreatedAndDescribedUnderItsAlias'
    run = ["sh", "-c", source, "sh", str(two_regions.root)]
    done = subprocess.run(run, cwd=installed, env=bare, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

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

FOLDER = Path(__file__).with_name("node")
INSTALL = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
INSTALL_SECONDS = 90


def stories(file: str) -> list[str]:
    """The names of what a file exports, in its order; none can be forgotten here."""
    return re.findall(r"^export async function (\w+)\(", (FOLDER / file).read_text(), re.MULTILINE)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of `node/` beside their packages."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("clients") / "node"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("node_modules"))
    try:
        subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci did not finish in {INSTALL_SECONDS} seconds")
    except subprocess.CalledProcessError as refusal:
        pytest.skip(f"npm ci failed: {refusal.stderr.strip()[-300:]}")
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

"""What docs/operate.md begins with is run as it is printed: openssl's certificates, the sample, and a first call."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.ports import free_ports

from meridian.cli.exit_codes import OK
from meridian.cli.main import main
from meridian.cli.sample import SampleError, write_sample
from meridian.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "operate.md").read_text()


def block(name: str) -> str:
    (found,) = re.findall(rf"```sh {name}\n(.*?)```", GUIDE, re.DOTALL)
    return str(found)


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f"set -euo pipefail\n{script}"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PATH": path})


@pytest.mark.deep
def test_the_recipe_leads_to_a_region_that_serves(tmp_path: Path) -> None:
    made = run(block("certificates"), tmp_path)
    assert made.returncode == 0, made.stderr
    script, first = block("region"), free_ports(3)
    # The reader's ports may be taken here by others: the only change that is made.
    ports = {"7443": str(first), "7444": str(first + 1), "7600": str(first + 2)}
    sample, rest = script.split("\n", 1)
    change = " ".join(f"-e s/127.0.0.1:{old}/127.0.0.1:{new}/" for old, new in ports.items())
    rest = rest.replace("127.0.0.1:7443", f"127.0.0.1:{first}")
    done = run(f"{sample}\nsed -i {change} region.toml\ntrap 'kill %1 2>/dev/null || true' EXIT\n{rest}", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("meet me in Dublin")
    assert "wrong" not in done.stdout, "the doctor finds nothing"
    text = (tmp_path / "audit").glob("*.jsonl")
    assert any("/role/" in line or "user/administrator" in line for path in text for line in path.read_text().splitlines())


def test_a_sample_is_complete_private_and_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new" / "region.toml"
    written = CliRunner().invoke(main, ["region", "init", "--sample", "--config", str(path)])
    assert written.exit_code == OK, written.output
    made = [Path(line) for line in written.stdout.splitlines()]
    assert {each.relative_to(path.parent).as_posix() for each in made} >= {
        "region.toml",
        "principals.toml",
        "seal",
        "policies/builtin.cedar",
    }
    assert {stat.S_IMODE(each.stat().st_mode) for each in made} == {0o600}
    settings = load_settings(path)
    assert (settings.region, settings.policies) == ("us-east-1", path.parent / "policies")
    before = {each: each.read_bytes() for each in made}
    path.unlink()
    with pytest.raises(SampleError, match=r"principals\.toml is there"):
        write_sample(path)
    assert not path.exists()
    assert all(each.read_bytes() == data for each, data in before.items() if each != path)

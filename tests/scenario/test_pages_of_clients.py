"""Every example of the pages for callers is run as it is printed, on a real Region."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.aws import access_key, url
from tests.deployment import HOME, Deployment

from meridian.client import Endpoint

DOCS = Path(__file__).parents[2] / "docs"
SECONDS = 120


def python_in(page: str) -> list[str]:
    """The examples in Python of a page, those in fences and those that are indented."""
    text = (DOCS / page).read_text()
    fenced = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    indented = [re.sub(r"^    ", "", part, flags=re.MULTILINE) for part in re.findall(r"(?:^(?:    .*|)\n)+", text, re.MULTILINE)]
    return fenced or [part.strip("\n") + "\n" for part in indented if re.match(r"\s*(?:import|from) ", part)]


def run(
    deployment: Deployment, text: str, folder: Path, *, caller: str = "developer", **environment: str
) -> subprocess.CompletedProcess[str]:
    """A program of a caller, with the environment that it would have."""
    endpoint = deployment.endpoint(HOME, caller)
    variables = {
        "PATH": str(Path(sys.executable).parent),
        "MERIDIAN_ENDPOINT": endpoint.target,
        "MERIDIAN_CA": str(endpoint.ca),
        "MERIDIAN_CERTIFICATE": str(endpoint.certificate),
        "MERIDIAN_PRIVATE_KEY": str(endpoint.private_key),
        **environment,
    }
    return subprocess.run(
        [sys.executable, "-c", text], env=variables, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=folder
    )


def test_the_examples_of_the_python_client_run_one_after_the_other(two_regions: Deployment, tmp_path: Path) -> None:
    examples = python_in("python-client.md")
    assert len(examples) >= 7
    done = run(two_regions, "\n\n".join(examples), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "InvalidCiphertextException" in done.stdout
    assert "is disabled" in done.stdout
    assert "Decrypt by us-east-1" in done.stdout
    assert re.search(r"^arn:aws:kms:us-east-1:\d+:key/", done.stdout, re.MULTILINE)


def test_the_profiles_of_the_page_are_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (DOCS / "python-client.md").read_text(), re.DOTALL)
    (tmp_path / "meridian").mkdir()
    (tmp_path / "meridian" / "profiles.toml").write_text(example)
    found = Endpoint.find(environment={"XDG_CONFIG_HOME": str(tmp_path)})
    assert (found.target, found.ca) == ("kms.eu-west-1.example.com:7401", tmp_path / "meridian" / "ca.crt")


def test_the_examples_are_what_a_strict_type_checker_lets_pass(tmp_path: Path) -> None:
    (tmp_path / "examples.py").write_text("\n\n".join(python_in("python-client.md")))
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache"), "examples.py"]
    done = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout


def test_the_examples_of_the_page_of_clients_run(two_regions: Deployment, tmp_path: Path) -> None:
    ours, *of_aws = python_in("clients.md")
    with two_regions.client(HOME, "developer") as developer:
        key = developer.create_key().key_metadata.key_id
        if "alias/invoices" not in {each.alias_name for each in developer.iterate_aliases()}:
            developer.create_alias(alias_name="alias/invoices", target_key_id=key)
    done = run(two_regions, ours, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(of_aws) == 2, "a client of boto3, and its tokens"
    key_id, secret = access_key(two_regions, "developer")
    text = "\n".join([*of_aws, "print(kms.create_key()['KeyMetadata']['Arn'])"]).replace(
        "https://kms.us-east-1.example.com", url(two_regions)
    )
    done = run(two_regions, text, tmp_path, AWS_ACCESS_KEY_ID=key_id, AWS_SECRET_ACCESS_KEY=secret)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("arn:aws:kms:us-east-1:")

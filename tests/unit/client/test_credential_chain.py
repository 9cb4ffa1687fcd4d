"""Where a client finds its Region and its credentials, and what it says where it does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meridian.client import Endpoint
from meridian.client.token_file import TOKEN_BYTES_MAX, TokenFile

FILES = {"ca": "ca.crt", "certificate": "tls.crt", "private_key": "tls.key"}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment with folders of its own: nothing of the machine's counts."""
    workload = tmp_path / "workload"
    workload.mkdir()
    (tmp_path / "meridian").mkdir()
    return {"XDG_CONFIG_HOME": str(tmp_path), "MERIDIAN_WORKLOAD_FOLDER": str(workload)}


def write_profiles(home: dict[str, str], text: str) -> Path:
    path = Path(home["XDG_CONFIG_HOME"]) / "meridian" / "profiles.toml"
    path.write_text(text)
    return path


def mount(home: dict[str, str], *names: str) -> Path:
    folder = Path(home["MERIDIAN_WORKLOAD_FOLDER"])
    for name in names:
        (folder / name).write_text(f"{name}-of-the-workload")
    return folder


def profile(name: str) -> str:
    rows = "".join(f'{key} = "{name}/{file}"\n' for key, file in FILES.items())
    return f'[{name}]\nendpoint = "{name}.example:7401"\n{rows}'


VARIABLES = {"MERIDIAN_CA": "/e/ca", "MERIDIAN_CERTIFICATE": "/e/crt", "MERIDIAN_PRIVATE_KEY": "/e/key"}


def test_what_is_given_counts_before_the_environment_and_that_before_a_profile_and_that_before_the_workload(home: dict[str, str]) -> None:
    folder = mount(home, "ca.crt", "tls.crt", "tls.key", "token")
    found = Endpoint.find(target="given:1", environment=home)
    assert (found.target, found.ca, found.certificate, found.private_key) == (
        "given:1",
        folder / "ca.crt",
        folder / "tls.crt",
        folder / "tls.key",
    )
    assert found.metadata == (("authorization", "Bearer token-of-the-workload"),)
    profiles = write_profiles(home, profile("default") + profile("other"))
    found = Endpoint.find(environment=home)
    assert (found.target, found.ca) == ("default.example:7401", profiles.parent / "default/ca.crt")
    assert Endpoint.find(environment=home, profile="other").target == "other.example:7401"
    assert Endpoint.find(environment={**home, "MERIDIAN_PROFILE": "other"}).target == "other.example:7401"
    everything = {**home, "MERIDIAN_ENDPOINT": "variable:1", **VARIABLES}
    found = Endpoint.find(environment=everything)
    assert (found.target, found.ca, found.certificate, found.private_key) == ("variable:1", Path("/e/ca"), Path("/e/crt"), Path("/e/key"))
    found = Endpoint.find(ca="/a/ca", certificate="/a/crt", private_key="/a/key", environment=everything)
    assert (found.target, found.ca, found.private_key) == ("variable:1", Path("/a/ca"), Path("/a/key"))


def test_a_token_of_another_identity_goes_to_no_region(home: dict[str, str]) -> None:
    mount(home, "token")
    write_profiles(home, f'{profile("default")}token_file = "secret"\n')
    (Path(home["XDG_CONFIG_HOME"]) / "meridian" / "secret").write_text("of-the-profile")
    assert Endpoint.find(environment=home).metadata == (("authorization", "Bearer of-the-profile"),)
    dev = {**home, **VARIABLES, "MERIDIAN_ENDPOINT": "dev:1"}
    assert Endpoint.find(environment=dev).metadata == (), "the certificate is that of the environment"
    given = Path(home["XDG_CONFIG_HOME"]) / "given"
    given.write_text("given")
    assert Endpoint.find(token_file=given, environment=dev).metadata == (("authorization", "Bearer given"),)


def test_a_certificate_and_its_key_come_from_one_place(home: dict[str, str]) -> None:
    write_profiles(home, profile("default"))
    with pytest.raises(ValueError, match="arguments: has no private_key beside its certificate"):
        Endpoint.find(certificate="/a/crt", environment={**home, **VARIABLES})
    with pytest.raises(ValueError, match=r"environment .*: has no certificate beside its private_key"):
        Endpoint.find(environment={**home, "MERIDIAN_PRIVATE_KEY": "/e/key"})


FAULTS = [
    (
        '[default]\nendpoint = "a:1"\nprivat_key = "k"\n',
        r"profile default of .*profiles.toml: privat_key: is no name.*did you mean private_key",
    ),
    ("[default]\nendpoint = 3\n", "endpoint: must be a text"),
    ("default = 3\n", "profile default of .*: is no table"),
    ("[default\n", r"profiles\.toml: .*line 1"),
    ('[defalt]\nendpoint = "a:1"\n', "not found: endpoint, ca, certificate, private_key. Looked at: arguments; environment"),
]


@pytest.mark.parametrize(("text", "told"), FAULTS, ids=[told for _, told in FAULTS])
def test_a_fault_names_its_file_and_what_is_wrong(home: dict[str, str], text: str, told: str) -> None:
    write_profiles(home, text)
    with pytest.raises(ValueError, match=told):
        Endpoint.find(environment=home)


def test_a_profile_that_is_asked_for_must_be_there(home: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"profile prod of .*: there is no such file"):
        Endpoint.find(profile="prod", environment=home)
    write_profiles(home, profile("production"))
    with pytest.raises(ValueError, match=r"has no profile prodution; did you mean production\?"):
        Endpoint.find(profile="prodution", environment=home)


def test_a_token_that_was_renewed_is_sent_from_then_on(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    endpoint = Endpoint("region:1", Path(), Path(), Path(), token_file=file)
    assert endpoint.metadata == (("authorization", "Bearer first"),)
    fresh = tmp_path / "fresh"
    fresh.write_text("second")
    os.replace(fresh, file)
    assert endpoint.metadata == (("authorization", "Bearer second"),)


@pytest.mark.parametrize("held", ["", " \n", "two words", "first\nsecond", "tökén", "x" * (TOKEN_BYTES_MAX + 1)])
def test_what_is_no_token_is_refused_without_being_shown(tmp_path: Path, held: str) -> None:
    file = tmp_path / "token"
    file.write_text(held)
    with pytest.raises((ValueError, OSError)) as told:
        TokenFile(file).token()
    assert str(file) in str(told.value)
    assert not held.strip() or held not in str(told.value)


def test_a_token_is_given_in_one_way(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="token and token_file: give one of them"):
        Endpoint("region:1", Path(), Path(), Path(), token="t", token_file=tmp_path)
    assert "secret" not in repr(Endpoint("region:1", Path(), Path(), Path(), token="secret"))

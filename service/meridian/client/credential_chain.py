"""Where a client finds its Region and what proves it: what the program says, then the environment, a profile, the workload's own files.

Each value comes from the first that has it; a certificate and its private key, from the first that has either. A token comes from where the
certificate does, or from before: one that stands behind is of another identity.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meridian.client.misspelt import nearest
from meridian.regular_file import read_regular

ENDPOINT, CA, CERTIFICATE, PRIVATE_KEY, TOKEN_FILE = "endpoint", "ca", "certificate", "private_key", "token_file"
NAMES: Final = (ENDPOINT, CA, CERTIFICATE, PRIVATE_KEY, TOKEN_FILE)
NEEDED: Final = (ENDPOINT, CA, CERTIFICATE, PRIVATE_KEY)
OWN: Final = (CERTIFICATE, PRIVATE_KEY)
TOGETHER: Final[tuple[tuple[str, ...], ...]] = ((ENDPOINT,), (CA,), OWN, (TOKEN_FILE,))
"""Values that come from one place."""
PROFILE: Final = "MERIDIAN_PROFILE"
DEFAULT_PROFILE: Final = "default"
PROFILES_BYTES_MAX: Final = 1 << 20
WORKLOAD_FOLDER: Final = "MERIDIAN_WORKLOAD_FOLDER"
WORKLOAD_DEFAULT: Final = "/var/run/secrets/meridian"
WORKLOAD_FILES: Final = {CA: "ca.crt", CERTIFICATE: "tls.crt", PRIVATE_KEY: "tls.key", TOKEN_FILE: "token"}
"""Names of files under which cert-manager's and SPIFFE's drivers and projected volumes mount an identity."""


@dataclass(frozen=True, slots=True)
class Source:
    """Some of the values, and who says so."""

    name: str
    values: Mapping[str, str]


def variable(name: str) -> str:
    """`private_key` → `MERIDIAN_PRIVATE_KEY`."""
    return f"MERIDIAN_{name.upper()}"


def find_values(given: Mapping[str, str | None], profile: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    """What an endpoint is made of. Raises: ValueError that says what is missing, or wrong in which file."""
    found: dict[str, str] = {}
    sources = list(_sources(given, profile, environment))
    asked = sources
    for names in TOGETHER:
        source = next((each for each in asked if any(each.values.get(name) for name in names)), None)
        if names == OWN and source is not None:
            asked = sources[: sources.index(source) + 1]  # the token's, which comes next
        if source is not None:
            found |= {name: value for name in names if (value := source.values.get(name))}
            if absent := [name for name in names if name not in found]:
                raise ValueError(f"{source.name}: has no {absent[0]} beside its {next(name for name in names if name in found)}")
    if missing := [name for name in NEEDED if name not in found]:
        raise ValueError(f"not found: {', '.join(missing)}. Looked at: {'; '.join(each.name for each in sources)}")
    return found


def _sources(given: Mapping[str, str | None], profile: str | None, environment: Mapping[str, str]) -> Iterator[Source]:
    yield Source("arguments", {name: value for name, value in given.items() if value})
    by_name = {name: environment[variable(name)] for name in NAMES if environment.get(variable(name))}
    yield Source(f"environment ({', '.join(variable(name) for name in NAMES)})", by_name)
    yield _profile(profile or environment.get(PROFILE), environment)
    folder = Path(environment.get(WORKLOAD_FOLDER) or WORKLOAD_DEFAULT)
    yield Source(f"workload ({folder})", {name: str(folder / file) for name, file in WORKLOAD_FILES.items() if (folder / file).is_file()})


def profiles_file(environment: Mapping[str, str]) -> Path:
    """Where the profiles are."""
    home = Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or "~").expanduser() / ".config")
    return home / "meridian" / "profiles.toml"


def _profile(wanted: str | None, environment: Mapping[str, str]) -> Source:
    """The values of a profile; a file that is not there has none, unless one of its profiles is asked for by name. Raises: ValueError."""
    path, name = profiles_file(environment), wanted or DEFAULT_PROFILE
    source = f"profile {name} of {path}"
    if not path.exists():
        if wanted:
            raise ValueError(f"{source}: there is no such file")
        return Source(source, {})
    try:
        profiles: dict[str, object] = tomllib.loads(read_regular(path, PROFILES_BYTES_MAX).decode())
    except OSError as fault:
        raise ValueError(f"{path}: {fault.strerror}") from fault
    except ValueError as fault:  # not UTF-8, or not TOML: the text of either says where
        raise ValueError(f"{path}: {fault}") from fault
    if name not in profiles:
        if wanted:
            raise ValueError(f"{path}: has no profile {name}{nearest(name, profiles)}")
        return Source(source, {})
    return Source(source, _values(profiles[name], source, path.parent))


def _values(profile: object, source: str, folder: Path) -> dict[str, str]:
    """Names of files are relative to the profiles' folder. Raises: ValueError."""
    if not isinstance(profile, dict):
        raise ValueError(f"{source}: is no table")
    found: dict[str, str] = {}
    for name, value in profile.items():
        if name not in NAMES:
            raise ValueError(f"{source}: {name}: is no name of a profile{nearest(name, NAMES)}")
        if not isinstance(value, str) or not value:
            raise ValueError(f"{source}: {name}: must be a text")
        found[name] = value if name == ENDPOINT else str(folder / Path(value).expanduser())
    return found


def missing_variables(environment: Mapping[str, str]) -> Sequence[str]:
    """Variables without which nothing can be reached, where the environment is all there is."""
    return [variable(name) for name in NEEDED if not environment.get(variable(name))]

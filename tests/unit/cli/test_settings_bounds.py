"""Every setting has bounds, what is for tests is refused where keys are of value, and all that is wrong is told at once by its name."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic import AfterValidator, BaseModel, PlainValidator

from meridian.cli.dev_folder import DevFolder, free_port
from meridian.cli.exit_codes import SETUP
from meridian.domain.limit_bounds import BOUNDS
from meridian.domain.limits import Limits
from meridian.settings import Settings, SettingsError, load_settings

ELSEWHERE = {"throttle": "settings_rules.py compares names and rates with the classes"}
"""Settings whose bounds are in no type."""
NEVER = ("-1", "nan", "inf", "-inf", "1e300")
FOR_TESTS = {
    "day_seconds": 86_399.0,
    "kek_settle_seconds": 0.2,
    "usage_seconds": 0.2,
    "reservation_seconds": 0.5,
    "updating_seconds": 2.0,
    "compare_seconds": 0.5,
    "client_token_seconds": 1.0,
    "import_token_seconds": 0.0,
    "heavy_queue": 0,
    "heavy_answer_seconds": 0.0,
    "heavy_wait_seconds": 0.01,
    "heavy_process_wait_seconds": 0.0,
    "deadline_seconds_default": 0.0,
    "deadline_seconds_max": 0.0,
    "request_bytes": 65_535,
}
"""THE table of what exists for tests alone, and a value of each that no Region with keys of value may have."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Settings as `meridian dev` writes them."""
    folder = DevFolder(tmp_path_factory.mktemp("dev"), ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    return folder.places[0].settings.read_text()


@pytest.fixture
def development(tmp_path: Path, written: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(written)
    return path


@pytest.fixture
def production(tmp_path: Path, written: str) -> Path:
    path = tmp_path / "production.toml"
    path.write_text(written.replace("development = true\n", "").replace("bearer_tokens = true\n", ""))
    return path


def refused(path: Path, *lines: str) -> list[str]:
    """What is wrong with the settings once these lines are at their beginning, without the name of the file."""
    text = path.read_text()
    given = {line.partition(" = ")[0] for line in lines}
    kept = [line for line in text.splitlines() if line.partition(" = ")[0] not in given]
    path.write_text("\n".join([*lines, *kept]))
    try:
        load_settings(path)
    except SettingsError as fault:
        return [line.removeprefix(f"{path}: ") for line in str(fault).splitlines()]
    else:
        return []
    finally:
        path.write_text(text)


def as_toml(name: str, value: object) -> str:
    inner = f"{{ RSA_2048 = {value} }}" if name == "import_keys_ready" else value
    return f"limits.{name} = {inner}"


def test_every_limit_has_bounds() -> None:
    assert set(BOUNDS) == {field.name for field in dataclasses.fields(Limits)}


def test_the_defaults_are_for_regions_with_keys_of_value(production: Path, development: Path) -> None:
    assert refused(production) == []
    assert refused(development) == []


def least_of(name: str, settings: str) -> float:
    return BOUNDS[name].least if settings == "production" else BOUNDS[name].least_in_development


def as_number(name: str, value: float) -> float:
    """As whole as the limit is."""
    return float(value) if isinstance(getattr(Limits(), name), float) else int(value)


def below(name: str, settings: str) -> float:
    return least_of(name, settings) - (0.001 if isinstance(getattr(Limits(), name), float) else 1)


Chosen = Callable[[str, str], object]
"""A value for the limit of this name in these settings. Limits are written together, a name at a time would be read as often as there are
names."""


def always(value: str) -> Chosen:
    return lambda name, settings: value


OUTSIDE: dict[str, Chosen] = {value: always(value) for value in NEVER}
OUTSIDE |= {
    "below": lambda name, settings: as_number(name, below(name, settings)),
    "above": lambda name, _: as_number(name, BOUNDS[name].most + 1),
}
INSIDE: dict[str, Chosen] = {
    "least": lambda name, settings: as_number(name, least_of(name, settings)),
    "most": lambda name, _: as_number(name, BOUNDS[name].most),
}


@pytest.mark.parametrize("settings", ["production", "development"])
@pytest.mark.parametrize("value", OUTSIDE)
def test_a_limit_is_refused_by_name_outside_its_bounds(request: pytest.FixtureRequest, settings: str, value: str) -> None:
    told = refused(request.getfixturevalue(settings), *(as_toml(name, OUTSIDE[value](name, settings)) for name in BOUNDS))
    names = {line.removeprefix("limits.").partition(":")[0].partition(".")[0] for line in told if line.startswith("limits.")}
    assert set(BOUNDS) <= names, told


@pytest.mark.parametrize("settings", ["production", "development"])
@pytest.mark.parametrize("value", INSIDE)
def test_a_limit_is_taken_at_either_end_of_its_bounds(request: pytest.FixtureRequest, settings: str, value: str) -> None:
    told = refused(request.getfixturevalue(settings), *(as_toml(name, INSIDE[value](name, settings)) for name in BOUNDS))
    assert [line for line in told if "must be from" in line or "must be 86" in line] == []


@pytest.mark.parametrize("name", FOR_TESTS)
def test_what_is_for_tests_is_refused_where_keys_are_of_value(production: Path, development: Path, name: str) -> None:
    (told,) = refused(production, as_toml(name, FOR_TESTS[name]))
    assert told.startswith(f"limits.{name}: must be ")
    assert told.endswith("; less is for `development = true` alone")
    assert refused(development, as_toml(name, FOR_TESTS[name]), "limits.key_policy_bytes = 32768") == []


def test_the_table_of_what_is_for_tests_is_whole() -> None:
    assert set(FOR_TESTS) == {name for name, bounds in BOUNDS.items() if bounds.least_in_development < bounds.least}


@pytest.mark.parametrize("value", ["0", "0.0"])
def test_a_day_is_never_nothing(development: Path, value: str) -> None:
    assert refused(development, f"limits.day_seconds = {value}") == ["limits.day_seconds: must be from 0.01 to 86,400"]


def test_no_process_with_keys_of_value_is_ended_for_a_test(production: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "meridian", "serve", "--config", str(production), "--allow-file-seal"],
        env={**os.environ, "MERIDIAN_TEST_KILL_AT": "create_key.after_commit"},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == SETUP
    assert "MERIDIAN_TEST_KILL_AT: " in done.stderr


# ---- the other settings


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any, list[Any]]]:
    """(name, type, what is asked of it) of every value of the settings, those in lists and tables each."""
    for name, field in model.model_fields.items():
        yield from within(prefix + name, field.annotation, [*field.metadata])


def within(name: str, kind: Any, asked: list[Any]) -> Iterator[tuple[str, Any, list[Any]]]:
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        yield from within(name, inner, [*asked, *(each for one in more for each in getattr(one, "metadata", [one]))])
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from leaves(kind, f"{name}.")
    elif get_origin(kind) is Literal:
        yield name, Literal, asked
    elif get_args(kind):
        for each in get_args(kind):
            yield from within(name, each, asked)
    else:
        yield name, kind, asked


def is_bounded(kind: Any, asked: list[Any]) -> bool:
    kinds = [type(each) for each in asked]
    if kind in (int, float):
        return bool({Ge, Gt} & set(kinds)) and bool({Le, Lt} & set(kinds))
    if kind is str:
        pattern = any(getattr(each, "pattern", None) for each in asked)
        return pattern or bool({MaxLen, AfterValidator, PlainValidator} & set(kinds))
    return kind in (bool, Path, Literal, type(None), Ellipsis, Limits) or PlainValidator in kinds


def test_every_setting_has_bounds() -> None:
    found = list(leaves(Settings))
    unbounded = {name for name, kind, asked in found if not is_bounded(kind, asked)}
    assert unbounded == set(ELSEWHERE)
    assert {"grpc.connections", "seals.memory_kib", "peers.accounts", "audit.keep_bytes"} <= {name for name, _, _ in found}


NONSENSE = [
    ('replica = ""', "replica: must be at most 253"),
    ('replica = "../x"', "replica: must be at most 253"),
    ('services = { s3 = "x" }', "services.s3: must be a service here"),
    ('services = { "" = "111122223333/s3" }', "services.: must be the name of a service of AWS"),
    ("limits.deletion_window_in_days_min = 31", "limits.deletion_window_in_days_min: must be no more than deletion_window_in_days_max"),
    ("limits.import_keys_ready = { RSA_1024 = 1 }", "limits.import_keys_ready.RSA_1024: is no kind of wrapping key"),
    ('peers = [{ region = "eu-west-1", address = "p:86656", spiffe_id = "spiffe://d/p" }]', "peers.0.address: must be host:port"),
]


@pytest.mark.parametrize(("line", "told"), NONSENSE, ids=lambda value: "")
def test_nonsense_is_refused_by_name(production: Path, line: str, told: str) -> None:
    found = refused(production, line)
    assert [each for each in found if each.startswith(told)], found


@pytest.mark.parametrize(
    ("address", "is_taken"),
    [
        ("127.0.0.1:7401", True),
        ("localhost:7401", True),
        ("127.0.0.2:7401", False),
        ("127.0.0.1:7402", False),
        ("0.0.0.0:7401", True),
        ("[::]:7401", True),
    ],
)
def test_two_listeners_have_two_ports(production: Path, address: str, is_taken: bool) -> None:
    production.write_text(production.read_text().replace('listen = "127.0.0.1:7601"', f'listen = "{address}"'))
    assert refused(production) == ([f"admin.listen: {address} is taken by grpc.listen"] if is_taken else [])


COSTS = ["time_cost = 2", "time_cost = 1001", "memory_kib = 65535", "memory_kib = 67108865", "parallelism = 0", "parallelism = 256"]


@pytest.mark.parametrize("cost", COSTS)
def test_the_costs_of_a_passphrase_are_those_of_argon2_and_of_sense(production: Path, cost: str) -> None:
    production.write_text(production.read_text() + f'[[seals]]\nprovider = "passphrase"\npassphrase_file = "p"\n{cost}\n')
    (told,) = refused(production)
    assert told.startswith(f"seals.1.{cost.partition(' ')[0]}: must be ")


def test_all_that_is_wrong_is_told_at_once(production: Path) -> None:
    text = production.read_text().replace('listen = "127.0.0.1:7601"', 'listen = "127.0.0.1:7401"\nconnections = 1')
    text = text.replace("[aws]\n", '[aws]\ntrusted_proxies = ["10.0.0.1/8"]\n').replace("rsa = 0", 'rsa = "x"\nnope = 1\nhmac = -1')
    production.write_text(text)
    lines = [
        'replica = ""',
        "limits.heavy_workers = 0",
        "limits.day_seconds = 1.0",
        "limits.misspelt = 1",
        'uvloop = "yes"',
        "limits.usage_seconds = true",
    ]
    told = refused(production, *lines)
    assert sorted(line.partition(":")[0] for line in told) == sorted(
        [
            "admin.connections", "admin.listen", "aws.trusted_proxies.0", "limits.day_seconds", "limits.heavy_workers", "limits.misspelt",
            "limits.usage_seconds", "replica", "throttle.hmac", "throttle.nope", "throttle.rsa", "uvloop",
        ]
    ), json.dumps(told, indent=1)  # fmt: skip
    assert not any(raw in line for line in told for raw in ("lax-or-strict", "function-", "[key]", "json-or-python"))

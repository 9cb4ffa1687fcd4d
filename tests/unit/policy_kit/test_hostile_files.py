"""Every file that a command of `meridian policy` reads, whatever somebody has put in its place: one sentence, the exit code of files that
cannot be read, no traceback, within seconds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest
from tests.examples import IS_DEEP
from tests.unit.cli.test_every_file_option import WRITTEN, World, _no_region, commands, invoke, names_a_file, world

from meridian.cli.exit_codes import DENIED, NOT_FOUND, OTHER, SETUP, USAGE
from meridian.cli.policy import policy

pytestmark = pytest.mark.thorough

__all__ = ["_no_region", "world"]

SECONDS_MAX: Final = 40
"""Of one command on a busy machine; what hangs, or takes the square of a length, takes minutes."""
LEVELS: Final = 20_000
CASE: Final = "principals: {p: {}}\nkeys: {k: {}}\ntests: [{name: n, principal: p, action: Encrypt, key: k, expect: allow"
NAMES: Final = [f"p{number}" for number in range(2_000)]
LAUGH: Final = "contexts:\n  a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"  {name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
CONTENTS: Final[Mapping[str, bytes]] = {
    "nothing": b"",
    "zeros": bytes(100),
    "no UTF-8": b"\xff\xfe",
    "too long": b"# " + bytes(2 * 1024 * 1024),
    "deep YAML": b"tests: " + b"[" * LEVELS,
    "deep names": b"tests: " + b"{a: " * 3_000 + b"1" + b"}" * 3_000,
    "deep lines": "".join(f"{' ' * level}a:\n" for level in range(900)).encode(),
    "deep JSON": b'{"a":' * LEVELS,
    "deep TOML": b"a = " + b"[" * LEVELS,
    "deep Cedar": b"permit (principal, action, resource) when {" + b"(" * LEVELS + b"};",
    "a long number": f"{CASE}, context: {{a: {'9' * 6_000}}}}}]".encode(),
    "a long number of JSON": b'{"Version": ' + b"9" * 6_000 + b"}",
    "a long number of TOML": b"services = " + b"9" * 6_000,
    "services of another kind": b"services = {a = 1}",
    "no such day": f"{CASE}, context: {{a: 2026-02-30}}}}]".encode(),
    "no such time": b"now: 0001-01-01T00:00:00+14:00\n" + CASE.encode() + b"}]",
    "names twice": b"tests: []\ntests: []\n",
    "aliases of aliases": f"{LAUGH}tests: *i\n".encode(),
    "an alias of itself": b"principals: &p {x: *p}\ntests: *p\n",
    "lists for names": b"principals: [1]\nkeys: 7\ncontexts: x\norgUnits: [1]\nregionLabels: 5\ntests: [[]]\n",
    "nobody": b"principal: 5\naction: [a]\nkey: x\ncontext: 7\n",
    "names for lists": b"tests: {a: 1}\ninvariants: {a: 1}\n",
    "an invariant of another kind": b"invariants: [{name: [1], forall: [x], where: 5, never: allow}]\n",
    "kinds of prove": b"principals: {p: {}}\ninvariants: [{name: n, forall: {action: {a: 1}}, never: allow}]\n",
    "more kinds of prove": b"invariants: [{name: n, forall: {action: Encrypt, principal: 5, key: x, context: [1]}, never: allow}]\n",
    "values for prove": b"invariants: [{name: n, forall: {action: [Encrypt], context.encryptionContext: 5, key.tags: x}, never: allow}]\n",
    "values of prove": b"invariants: [{name: n, forall: {action: [[x]], principal: [{name: [1]}], key: [5]}, never: allow}]\n",
    "facts of another kind": b"principals: {p: {}}\nkeys: {k: {}}\ntests:\n"
    b"  - {name: n, principal: p, action: Encrypt, key: k, expect: allow, context: {encryptionContext: {a: [1]}}}\n",
    "facts of other kinds": b"principals: {p: {tags: 5, groups: 7}}\n"
    b"keys: {k: {aliases: 5, replicaRegions: 7, multiRegion: x}}\ntests: []\n",
    "a fact of another kind": b"principals: {p: {}}\nkeys: {k: {policy: 5, id: [1], region: 7}}\ntests:\n"
    b"  - {name: n, principal: p, action: Encrypt, key: k, expect: allow, request: {sourceIp: [1], currentTime: x}}\n",
    "a name of another kind": b"principals: {p: {account: [1], kind: [x]}}\n"
    b"keys: {k: {id: [1], region: 7, primaryRegion: [1], multiRegion: true}}\ntests:\n"
    b"  - {name: [n], principal: p, action: Encrypt, key: k, expect: deny, by: [[1]]}\n",
    "keys of another kind": b"keys: {k: {id: [1], region: 7, accountDelegation: x, customKeyStoreId: [1]}}\nprincipals: {p: {}}\ntests:\n"
    b"  - {name: [n], principal: p, action: Encrypt, key: k, expect: deny}\n",
    "a folder of another kind": b"policies: 5\ntests: []\n",
    "millions of cells": (
        f"principals: {{{', '.join(f'{name}: {{}}' for name in NAMES)}}}\nkeys: {{{', '.join(f'{name}: {{}}' for name in NAMES)}}}\n"
        f"matrices: [{{name: m, principals: [{', '.join(NAMES)}], actions: [Encrypt, Decrypt], keys: [{', '.join(NAMES)}], allow: []}}]\n"
    ).encode(),
    "50,000 annotations": b"".join(b'@a%d("x")\n' % number for number in range(50_000)) + b"permit (principal, action, resource);",
    "a record with a list for a name": b'{"eventID": "e", "eventName": [], "meridian": {"decisions": [{}]}}\n',
    "a record with names for a name": b'{"eventID": "e", "eventName": {}, "meridian": {"decisions": [{}]}}\n',
    "a record with a member twice": b'{"eventName": "a", "eventName": "b"}\n',
}
UNREADABLE: Final = {"a pipe", "zeros without end", "a link to itself", "too long", "no UTF-8", "nobody there"}
"""What is no text at all: no command can take it for a file that it judges."""
SPECIAL: Final[Mapping[str, Callable[[Path], None]]] = {
    "a pipe": os.mkfifo,
    "zeros without end": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path),
    "nobody there": lambda path: path.symlink_to("/absent"),
}
ENDINGS: Final = ("cedar", "yaml", "jsonl")
JUDGES: Final[Mapping[tuple[str, ...], tuple[int, ...]]] = {
    **dict.fromkeys([("validate",), ("import-aws",), ("test",), ("prove",)], (OTHER,)),
    ("explain",): (NOT_FOUND, DENIED),
}
"""Commands that judge a file that is text: what is wrong with it, or not in it, is their finding."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Path, Path]]:
    """Each hostile file, alone and in a folder under the names that commands look for."""
    root = tmp_path_factory.mktemp("hostile")
    made = {}
    for number, name in enumerate([*CONTENTS, *SPECIAL]):
        folder = root / f"folder-{number}"
        folder.mkdir()
        for path in (root / f"file-{number}", *(folder / f"x.{ending}" for ending in ENDINGS)):
            if name in SPECIAL:
                SPECIAL[name](path)
            else:
                path.write_bytes(CONTENTS[name])
        made[name] = root / f"file-{number}", folder
    return made


LOCAL: Final = [
    (path, command)
    for path, command in commands(policy)
    if path[0] not in ("check-access", "decisions", "describe-set", "explain-decision", "try")
]


MANY_FILES = ("explain", "diff")
"""Commands with so many options that name a file that they are left to the deep run, as hostile files in folders are."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.deep if path[0] in MANY_FILES else pytest.mark.searched]) for path, _ in LOCAL],
    ids=" ".join,
)
def test_a_hostile_file_is_refused_in_a_sentence(world: World, places: Mapping[str, tuple[Path, Path]], path: tuple[str, ...]) -> None:
    (command,) = [command for found, command in LOCAL if found == path]
    wrong = []
    for parameter in command.params:
        if not names_a_file(parameter) or parameter.name in WRITTEN:
            continue
        for name, both in places.items():
            for place in both if IS_DEEP else both[:1]:
                began = time.monotonic()
                done = invoke(world, ("policy", *path), str(parameter.name), str(place))
                took = time.monotonic() - began
                expected = codes(path, name, place)
                plain = done.exception is None or isinstance(done.exception, SystemExit)
                if not plain or done.exit_code not in expected or took > SECONDS_MAX or "Traceback" in done.output:
                    told = f"{done.exit_code} in {took:.1f} s, {done.output[-200:]!r} {done.exception!r}"
                    wrong.append(f"{parameter.name}: {name} {'(folder)' if place.is_dir() else ''}: {told}")
    assert wrong == []


def codes(path: tuple[str, ...], name: str, place: Path) -> tuple[int, ...]:
    """The exit codes that are right."""
    missing = (USAGE,) if not place.exists() else ()
    if name in UNREADABLE:
        return (SETUP, *missing)
    return (SETUP, 0, *JUDGES.get(path, ()))

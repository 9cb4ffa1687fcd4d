"""Generate the Python stubs from the protos, or with --check fail when the committed ones differ.

Stubs lie where their proto path says, so that they import each other unchanged. Stubs have no comments, so those of operations and of their
requests' fields, the texts of help, lie beside them. The names of operations are an enum of the contract.
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc_tools
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
SERVICE = ROOT / "service"
COMMENTS = Path("meridian/kms/v1/comments.json")
COMMENTED = ("meridian.kms.v1", "meridian.access.v1")
"""Packages whose requests the command line asks for."""
OPERATIONS = Path("meridian/contract/operation.py")
WALKED = ("meridian.kms.v1", "meridian.access.v1", "meridian.batch.v1", "meridian.xks.v1", "meridian.caller.v1", "meridian.sts.v1")
"""Packages whose methods are operations; what Regions ask each other is none."""
ENUM = '''"""Every operation of the contract. Generated from the protos by `make gen`."""

from __future__ import annotations

from enum import StrEnum


class Operation(StrEnum):
    """The name of an operation, as its RPC has it."""

'''
MESSAGE, SERVICES, INNER = FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER, FileDescriptorProto.SERVICE_FIELD_NUMBER, 2
"""Steps of a path in a file's source information; fields of messages and methods of services both are number 2."""


def generate(target: Path) -> list[Path]:
    """Generate every stub below `target`; the answer names the files."""
    bin_folder = Path(sys.executable).parent
    sources = sorted(str(p.relative_to(PROTOS)) for p in (PROTOS / "meridian").rglob("*.proto"))
    os.environ["PATH"] = f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"
    includes = [f"-I{PROTOS}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
    described = target / "described"
    outputs = [f"--descriptor_set_out={described}", "--include_source_info"]
    outputs += [f"--{kind}_out={target}" for kind in ("python", "mypy", "grpc_python", "mypy_grpc")]
    if protoc.main(["protoc", *includes, *outputs, *sources]) != 0:
        sys.exit("protoc failed")
    read = FileDescriptorSet.FromString(described.read_bytes())
    comments = dict(_comments(read))
    (target / OPERATIONS).parent.mkdir(parents=True)
    (target / OPERATIONS).write_text(ENUM + "".join(f'    {_constant(name)} = "{name}"\n' for name in _operations(read)))
    (target / COMMENTS).write_text(json.dumps(comments, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return [*_stubs_in(target), target / COMMENTS, target / OPERATIONS]


def _stubs_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*_pb2*") if p.suffix in (".py", ".pyi"))


def _operations(described: FileDescriptorSet) -> list[str]:
    return [method.name for file in described.file if file.package in WALKED for service in file.service for method in service.method]


def _constant(name: str) -> str:
    """`GenerateDataKey` → `GENERATE_DATA_KEY`."""
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in name).lstrip("_")


def _comments(described: FileDescriptorSet) -> Iterator[tuple[str, str]]:
    """Full names of operations, and of fields of their requests, with what the contract says of them on one line."""
    for file in described.file:
        if file.package not in COMMENTED:
            continue
        texts = {tuple(each.path): " ".join(each.leading_comments.split()) for each in file.source_code_info.location}
        for at, message in enumerate(file.message_type):
            if message.name.endswith("Request"):
                for inner, field in enumerate(message.field):
                    yield f"{message.name}.{field.name}", texts[MESSAGE, at, INNER, inner]
        for at, service in enumerate(file.service):
            for inner, method in enumerate(service.method):
                yield method.name, texts[SERVICES, at, INNER, inner]


def main() -> int:
    """Write the stubs, or compare them."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = {p.relative_to(folder): p for p in generate(Path(folder))}
        stored = {p.relative_to(SERVICE) for p in _stubs_in(SERVICE)} | {COMMENTS, OPERATIONS}
        if "--check" in sys.argv:
            differing = [str(n) for n, p in fresh.items() if not (SERVICE / n).exists() or not filecmp.cmp(p, SERVICE / n, shallow=False)]
            differing += [f"{n} (no proto)" for n in sorted(stored - set(fresh))]
            print("\n".join(["generated stubs differ:", *differing]) if differing else f"{len(fresh)} stubs are current")
            return 1 if differing else 0
        for name in stored - set(fresh):
            (SERVICE / name).unlink()
        for name, path in fresh.items():
            (SERVICE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, SERVICE / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())

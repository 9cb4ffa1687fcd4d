"""Generate the stubs of `clients/go`, `clients/typescript` and `clients/rust` from the protos, with the plug-ins that are pinned here or
beside them; `--check` compares.

gen_clients.py [--check] go|typescript|rust
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import grpc_tools

ROOT: Final = Path(__file__).resolve().parent.parent
PROTOS: Final = ROOT / "protos"
CLIENTS: Final = ROOT / "clients"
GO_MODULE: Final = "meridian/clients/go"
GO_PLUGINS: Final = ("google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.8", "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1")
GO_PACKAGES: Final = {"kms": "kmsv1", "batch": "batchv1", "options": "optionsv1"}
"""Folders of protos, and the Go package of each."""
TYPESCRIPT_OPTIONS: Final = (
    "outputServices=grpc-js,esModuleInterop=true,env=node,importSuffix=.js,useOptionals=messages,outputJsonMethods=false"
)
RUST_PLUGINS: Final = ("protoc-gen-prost@0.5.0", "protoc-gen-tonic@0.5.0")
RUST_FOLDER: Final = ROOT / ".tools" / "rust"
"""Where the plug-ins for Rust are kept: they take a minute to compile."""
RUST_OPTIONS: Final = ("--prost_opt=extern_path=.google.rpc=::tonic_types::pb", "--tonic_opt=no_server=true")
ERROR_DETAILS: Final = "google/rpc/error_details.proto"
"""Of googleapis-common-protos; Go has them in a module of its own."""
SECONDS: Final = 300
GENERATED: Final = {"go": "**/*.pb.go", "typescript": "gen/**/*.ts", "rust": "src/gen/**/*.rs"}
"""The stubs of each language, below its folder."""


def sources() -> list[str]:
    """What callers need, by its path."""
    return sorted(str(path.relative_to(PROTOS)) for name in GO_PACKAGES for path in (PROTOS / "meridian" / name).rglob("*.proto"))


def protoc(options: list[str], folder: str) -> None:
    """Run the compiler, with the plug-ins of a folder. Raises: CalledProcessError."""
    includes = [f"-I{PROTOS}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}", f"-I{Path(grpc_tools.__file__).parents[1]}"]
    search = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *includes, *options], env=search, check=True, timeout=SECONDS)


def go(target: Path) -> None:
    """Raises: CalledProcessError."""
    program = shutil.which("go")
    if program is None:
        sys.exit("go is not there to make its stubs")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GOBIN": folder, "GOFLAGS": "-mod=mod"}
        for plugin in GO_PLUGINS:
            subprocess.run([program, "install", plugin], cwd=folder, env=environment, check=True, capture_output=True, timeout=SECONDS)
        mapped = [f"M{source}={GO_MODULE}/{GO_PACKAGES[source.split('/')[1]]}" for source in sources()]
        options = []
        for kind in ("go", "go-grpc"):
            options += [f"--{kind}_out={target}", f"--{kind}_opt=module={GO_MODULE}", *(f"--{kind}_opt={each}" for each in mapped)]
        protoc([*options, *sources()], folder)


def typescript(target: Path) -> None:
    """The plug-in is that of `clients/typescript/node_modules`, after `npm ci`, else that of PATH. Raises: CalledProcessError."""
    (target / "gen").mkdir()
    options = [f"--ts_proto_out={target / 'gen'}", f"--ts_proto_opt={TYPESCRIPT_OPTIONS}"]
    protoc([*options, *sources(), ERROR_DETAILS], str(CLIENTS / "typescript" / "node_modules" / ".bin"))


def rust(target: Path) -> None:
    """Without the options of the contract, which are nothing to callers. Raises: CalledProcessError."""
    program = shutil.which("cargo")
    if program is None:
        sys.exit("cargo is not there to make the stubs of Rust")
    command = [program, "install", "--quiet", "--locked", "--root", str(RUST_FOLDER), *RUST_PLUGINS]
    subprocess.run(command, check=True, capture_output=True, timeout=2 * SECONDS)
    folder = target / "src" / "gen"
    folder.mkdir(parents=True)
    called = [source for source in sources() if "/options/" not in source]
    protoc([f"--prost_out={folder}", f"--tonic_out={folder}", *RUST_OPTIONS, *called], str(RUST_FOLDER / "bin"))


LANGUAGES: Final[dict[str, Callable[[Path], None]]] = {"go": go, "typescript": typescript, "rust": rust}


def main() -> int:
    """Write the stubs of a language, or compare them."""
    language = sys.argv[-1]
    if language not in LANGUAGES:
        sys.exit(__doc__)
    home = CLIENTS / language
    with tempfile.TemporaryDirectory() as folder:
        LANGUAGES[language](Path(folder))
        fresh = {path.relative_to(folder): path for path in Path(folder).rglob("*") if path.is_file()}
        stored = {path.relative_to(home) for path in home.glob(GENERATED[language])}
        if "--check" in sys.argv:
            differing = [str(n) for n, p in fresh.items() if n not in stored or not filecmp.cmp(p, home / n, shallow=False)]
            differing += [f"{name} (no proto)" for name in sorted(stored - set(fresh))]
            print("\n".join(["generated stubs differ:", *differing]) if differing else f"{len(fresh)} stubs of {language} are current")
            return 1 if differing else 0
        for name in stored - set(fresh):
            (home / name).unlink()
        for name, path in fresh.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, home / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())

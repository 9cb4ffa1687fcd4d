"""gRPC's own clients for Go, Java and Node, unchanged, against either front: each tells one story, a program in `grpc_clients/`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from tests.deployment import HOME, Deployment
from tests.installing import install

from meridian.contract.catalog import served_rpcs

pytestmark = [pytest.mark.deep, pytest.mark.timeout(600)]

FOLDER = Path(__file__).with_name("grpc_clients")
BUILD_SECONDS = 400
"""gRPC for Go is compiled once on a machine."""


@pytest.fixture(scope="module", params=["grpcio", "envoy"])
def region(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp(request.param), [HOME], f'front.kind = "{request.param}"\n').prepare()
    with deployment.serving():
        yield deployment


@pytest.fixture(scope="session")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `protoc --descriptor_set_out --include_imports` makes of the protos, and of gRPC's health service."""
    found: dict[str, FileDescriptor] = {}

    def add(file: FileDescriptor) -> None:
        for needed in file.dependencies:
            add(needed)
        found[file.name] = file

    for rpc in served_rpcs().values():
        add(descriptor_pool.Default().FindServiceByName(rpc.path.split("/")[1]).file)
    add(health_pb2.DESCRIPTOR)
    made = FileDescriptorSet()
    for file in found.values():
        file.CopyToProto(made.file.add())
    path = tmp_path_factory.mktemp("descriptors") / "set.binpb"
    path.write_bytes(made.SerializeToString())
    return path


def node(folder: Path) -> Sequence[str | Path]:
    install("gRPC for Node", ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    return ["node", folder / "story.mjs"]


def go(folder: Path) -> Sequence[str | Path]:
    install("gRPC for Go", ["go", "mod", "download"], folder)
    built = subprocess.run(
        ["go", "build", "-o", "story", "."], cwd=folder, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    assert built.returncode == 0, built.stderr
    return [folder / "story"]


def java(folder: Path) -> Sequence[str | Path]:
    install("gRPC for Java", ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"], folder)
    return ["java", "-cp", folder / "jars" / "*", folder / "Story.java"]


CLIENTS: dict[str, tuple[str, Callable[[Path], Sequence[str | Path]]]] = {"Go": ("go", go), "Java": ("java", java), "Node": ("node", node)}
"""THE table: the program that runs each, and how it is made ready."""
AGENTS = {"Go": "grpc-go/", "Java": "grpc-java-netty/", "Node": "grpc-node-js/"}
"""How each begins to say what it is."""


@pytest.fixture(scope="module", params=CLIENTS)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Sequence[str | Path]]:
    """The language, and the command."""
    program, prepare = CLIENTS[request.param]
    if shutil.which(program) is None:
        pytest.skip(f"{program}, which runs the client, is not there")
    folder = tmp_path_factory.mktemp("client") / program
    shutil.copytree(FOLDER / program, folder)
    return request.param, prepare(folder)


def test_it_does_its_work_unchanged(region: Deployment, client: tuple[str, Sequence[str | Path]], descriptors: Path) -> None:
    language, command = client
    with region.client() as alice:
        key_id = alice.create_key().key_metadata.key_id
    endpoint = region.endpoint(HOME, "app")
    here = {
        "TARGET": endpoint.target,
        "CA": str(endpoint.ca),
        "CERTIFICATE": str(endpoint.certificate),
        "PRIVATE_KEY": str(endpoint.private_key),
        "DESCRIPTORS": str(descriptors),
        "KEY_ID": key_id,
    }
    done = subprocess.run(command, env={**os.environ, **here}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    status = status_pb2.Status.FromString(b64decode(told.pop("details")))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert told.pop("message") == status.message
    assert info.reason == "ValidationException"
    assert told == {"decrypted": f"from {language}", "compressed": 16, "code": "INVALID_ARGUMENT", "health": "SERVING"}
    agents = {str(record.get("userAgent", "")) for record in region.audit(HOME) if record["eventName"] == "GenerateRandom"}
    assert any(agent.startswith(AGENTS[language]) for agent in agents), agents

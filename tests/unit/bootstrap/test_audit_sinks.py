"""The clients of audit sinks as the settings make them; what cannot work is told at the start, by its setting."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import grpc
import pytest
from tests.receivers import BUCKET, CREDENTIALS, collector, store

from meridian.adapters.audit_s3 import S3Bucket
from meridian.adapters.clock_system import SystemClock
from meridian.adapters.entropy_os import OsEntropy
from meridian.bootstrap.audit_sinks import Receivers, open_receivers
from meridian.bootstrap.startup import StartupError
from meridian.bootstrap.tracing import open_tracing
from meridian.cli.dev_folder import DevFolder, free_port
from meridian.cli.region_place import HOST
from meridian.crypto.certificates import CertificateFiles, new_authority, new_leaf
from meridian.ports.audit_sinks import SinkFaultError
from meridian.settings import load_settings

S3 = ['s3.bucket = "logs"', 's3.storage_region = "eu-central-1"']
LINE = b'{"eventName":"Encrypt"}'


def opened(tmp_path: Path, *lines: str) -> Receivers:
    """What settings with these lines under `[audit]` make."""
    folder = DevFolder(tmp_path / "dev", ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    path = folder.places[0].settings
    path.write_text(path.read_text().replace("[audit]\n", "[audit]\n" + "".join(f"{line}\n" for line in lines)))
    return open_receivers(load_settings(path), SystemClock())


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("sink", "lines", "missing"),
    [("otlp", ['otlp.endpoint = "https://collector.example:4317"'], "opentelemetry"), ("s3", S3, "boto3")],
)
def test_a_client_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sink: str, lines: list[str], missing: str
) -> None:
    for module in (f"audit_{sink}", "otlp_connection"):
        monkeypatch.delitem(sys.modules, f"meridian.adapters.{module}", raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    assert opened(tmp_path / "without") == Receivers(None, None), "nobody needs a client without a sink"
    with pytest.raises(StartupError, match=rf"audit\.{sink}: {missing}[\w.]* is not installed: install meridian\[{sink}\]"):
        opened(tmp_path / "with", *lines)


def leaf_and_ca(name: str) -> tuple[CertificateFiles, bytes]:
    authority = new_authority(name, datetime.now(UTC))
    return new_leaf(authority, "collector", datetime.now(UTC), addresses=[HOST]), authority.certificate


def test_a_collector_is_believed_by_its_ca_alone(tmp_path: Path) -> None:
    (leaf, right), (_, wrong) = leaf_and_ca("one"), leaf_and_ca("another")
    ca = tmp_path / "ca.pem"
    with collector(grpc.ssl_server_credentials([(leaf.private_key, leaf.certificate)])) as receiver:
        for name, authority in (("right", right), ("wrong", wrong)):
            ca.write_bytes(authority)
            endpoint = f'otlp.endpoint = "https://{HOST}:{receiver.port}"'
            made = opened(tmp_path / name, endpoint, f'otlp.ca = "{ca}"', "otlp.timeout_seconds = 2").otlp
            assert made is not None
            if name == "right":
                made.send([LINE])
            else:
                with pytest.raises(SinkFaultError, match=r"UNAVAILABLE|DEADLINE_EXCEEDED"):
                    made.send([LINE])
            made.close()
        assert receiver.lines == [LINE]


def test_headers_come_from_a_file_that_nobody_else_may_read(tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer of-a-test\n\nx-tenant: one: two\n")
    headers.chmod(0o600)
    with collector() as receiver:
        lines = [f'otlp.endpoint = "{receiver.url}"', f'otlp.headers_file = "{headers}"']
        made = opened(tmp_path / "right", *lines).otlp
        assert made is not None
        made.send([LINE])
        made.close()
        assert receiver.headers[0].items() >= {"authorization": "Bearer of-a-test", "x-tenant": "one: two"}.items()
        headers.write_text("authorization Bearer of-a-test\n")
        with pytest.raises(StartupError, match=r"audit\.otlp: .*headers: line 1 is not `name: value`") as refused:
            opened(tmp_path / "wrong", *lines)
        assert "of-a-test" not in str(refused.value)
        headers.chmod(0o644)
        with pytest.raises(StartupError, match=r"audit\.otlp: .*headers: mode 0644 is looser than"):
            opened(tmp_path / "open", *lines)


def test_requests_are_signed_for_the_region_of_the_store(tmp_path: Path) -> None:
    with store() as bucket:
        lines = [f's3.bucket = "{BUCKET}"', 's3.storage_region = "eu-central-1"', f's3.endpoint = "{bucket.url}"', 's3.prefix = "a/b/"']
        made = opened(tmp_path, *lines).s3
        assert isinstance(made, S3Bucket)
        signed: list[str] = []
        made._client.meta.events.register(
            "before-send.s3.PutObject", lambda request, **_: signed.append(request.headers["Authorization"].decode())
        )
        made.put("file", BytesIO(b"x"), 1, bytes.fromhex("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"))
        assert "/eu-central-1/s3/aws4_request" in signed[0]
        assert bucket.names() == ["a/b/us-east-1/replica-1/file"]
        made.close()


def test_traces_need_the_same_client_and_are_told_by_their_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DevFolder(tmp_path / "dev", ["us-east-1"], grpc_port=7401, admin_port=7601, aws_port=7501, find_port=free_port)
    folder.prepare(None)
    folder.write_settings({})
    path = folder.places[0].settings
    without = load_settings(path)
    path.write_text(path.read_text() + f'\n[tracing]\nendpoint = "https://{HOST}:4317"\nca = "missing.pem"\n')
    with pytest.raises(StartupError, match=r"tracing: .*missing\.pem"):
        open_tracing(load_settings(path), SystemClock(), OsEntropy())
    for name in ("adapters.otlp_connection", "adapters.trace_otlp"):
        monkeypatch.delitem(sys.modules, f"meridian.{name}", raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(StartupError, match=r"tracing: opentelemetry[\w.]* is not installed: install meridian\[otlp\]"):
        open_tracing(load_settings(path), SystemClock(), OsEntropy())
    assert open_tracing(without, SystemClock(), OsEntropy()).export is None

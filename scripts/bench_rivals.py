"""What an Encrypt costs Meridian beside other services: server CPU per call, all in one run on the same cores.

Every server has the same core to itself while it is measured, the generator has another. The same 32 bytes and the same context go
over connections that are kept, in the shapes of bench_subjects.py. Rounds are interleaved; medians with their spread, and ratios round by
round.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import bench_machine
import bench_rivals_report as report
import h2load
import rivals
from bench import PLAINTEXT, Load, new_key
from bench_http import Kept, Post
from bench_kinds import aws_encrypt
from bench_process import GENERATOR, Call
from bench_server import Server
from bench_subjects import BATCH, CONNECTIONS, LONE, PYTHON, SHAPES, STREAMS, Subject
from rivals import IN_BATCH
from tests.deployment import HOME

from meridian.contract.batches import batch_of
from meridian.contract.catalog import rpcs

CONTEXT = {"tenant": "a"}
SECONDS = 250
"""No round begins that would not end by then; forty seconds later everything is stopped."""
WARM = 4
"""The first round, which does not count, has this part of the calls."""
ROUNDS_LEAST, CALLS_LEAST = 2, 200
HEALTH = "/grpc.health.v1.Health/Check"
OVER_HTTP1, OVER_HTTP2 = (CONNECTIONS, PYTHON), (CONNECTIONS, STREAMS, LONE)


class Region:
    """A Region behind one front, and its subjects."""

    def __init__(self, front: str, root: Path, load: Load, server: Server, key_id: str) -> None:
        self._front, self._root, self._load, self.server, self._key_id = front, root, load, server, key_id
        endpoint = server.deployment.endpoint(HOME, "app")
        self._target = endpoint.target
        self.certificate = h2load.Certificate(endpoint.certificate, endpoint.private_key)

    def subjects(self) -> list[Subject]:
        load, grpc = self._load, report.GRPC[self._front]
        fields = {"key_id": self._key_id, "plaintext": PLAINTEXT, "encryption_context": CONTEXT}
        encrypt = rpcs()["Encrypt"].request_class(**fields)
        batch = batch_of()["Encrypt"]
        many = batch.request_class(items=[encrypt] * IN_BATCH).SerializeToString()
        plain, tls = report.AWS[self._front]
        return [
            self._grpc(grpc, rpcs()["Encrypt"].path, encrypt.SerializeToString(), load.encrypt),
            self._grpc(report.NO_OP[self._front], HEALTH, b"", load.no_op),
            Subject(report.NEW[self._front], self.server.pid, (PYTHON,), python=load.encrypt_new_decision),
            Subject(report.BATCHES[self._front], self.server.pid, (BATCH,), python=load.calling(batch.path, many), items=IN_BATCH),
            self._aws(plain, aws_encrypt(self.server.deployment, PLAINTEXT, CONTEXT)),
            *([self._aws(tls, self._aws_with_tls())] if tls else []),
        ]

    def _grpc(self, name: str, path: str, request: bytes, python: Call) -> Subject:
        url = f"https://{self._target}{path}"
        generator = h2load.Generator(self._folder(name), url, h2load.GRPC_HEADERS, h2load.framed(request), self.certificate)
        return Subject(name, self.server.pid, (*OVER_HTTP2, PYTHON), generator, python)

    def _aws(self, name: str, post: Post) -> Subject:
        return over_http1(name, self.server.pid, post, self._folder(name), None)

    def _aws_with_tls(self) -> Post:
        return aws_encrypt(self.server.deployment, PLAINTEXT, CONTEXT, rivals.mutual_tls(self.server.deployment, ""))

    def _folder(self, name: str) -> Path:
        return self._root / "".join(filter(str.isalnum, name))


def over_http1(name: str, pid: int, post: Post, folder: Path, certificate: h2load.Certificate | None) -> Subject:
    return Subject(name, pid, OVER_HTTP1, post.generator(folder, certificate, http1=True), Kept(post).call)


def bao_subjects(rival: rivals.Rival, name: str, folder: Path, certificate: h2load.Certificate) -> Iterator[Subject]:
    """OpenBao by each wire that is compared."""
    tls, plain = rival.posts[rivals.MUTUAL_TLS], rival.posts[rivals.PLAINTEXT_WIRE]
    http2 = tls.generator(folder / f"{name}-2", certificate, http1=False)
    yield Subject(report.HTTP2[name], rival.pid, OVER_HTTP2, http2)
    yield over_http1(report.HTTP1[name], rival.pid, tls, folder / f"{name}-1", certificate)
    yield over_http1(report.PLAIN[name], rival.pid, plain, folder / f"{name}-plain", None)
    yield Subject(report.BATCHES[name], rival.pid, (BATCH,), python=Kept(rival.posts[rivals.BATCH]).call, items=IN_BATCH)


def rivals_started(stack: contextlib.ExitStack, root: Path, region: Region) -> Iterator[Subject]:
    """The subjects of every rival that can be had here; of others, a line that says why not."""
    deployment = region.server.deployment
    try:
        program = rivals.openbao_program(root)
        for name in report.BAO:
            ordinary = name == report.ORDINARY
            rival = stack.enter_context(rivals.openbao(program, root / name, deployment, (PLAINTEXT, CONTEXT), ordinary))
            yield from bao_subjects(rival, name, root, region.certificate)
    except (rivals.AbsentError, OSError) as fault:
        print(f"OpenBao: not measured. {fault}\n", flush=True)
    try:
        rival = stack.enter_context(rivals.moto(root, PLAINTEXT, CONTEXT))
        yield Subject(report.MOTO, rival.pid, (PYTHON,), python=Kept(rival.posts[rivals.PLAINTEXT_WIRE]).call, share=0.3)
    except (rivals.AbsentError, OSError) as fault:
        print(f"moto: not measured. {fault}\n", flush=True)


async def rounds(subjects: list[Subject], options: argparse.Namespace, folder: Path, until: float) -> list[float]:
    """Fill the costs of every subject; the answer is what a sync took in each round that there was time for."""
    syncs: list[float] = []
    shapes = [shape for shape in SHAPES if shape in (PYTHON, BATCH) or not h2load.missing()]
    pairs = [(subject, shape) for shape in shapes for subject in subjects if shape in subject.shapes]
    began = time.monotonic()
    for subject, shape in pairs:
        await subject.one_round(shape, options.calls // WARM)
    # A machine that is too busy for two rounds of so many calls makes rounds of fewer.
    left, took = until - time.monotonic(), time.monotonic() - began
    options.calls = calls = min(options.calls, max(int(options.calls / WARM * left / took / ROUNDS_LEAST), CALLS_LEAST))
    for subject in subjects:
        subject.costs.clear()
        subject.waits.clear()
    for number in range(options.rounds):
        began = time.monotonic()
        for subject, shape in pairs if number % 2 else reversed(pairs):
            if shape == LONE and len(syncs) == number:  # beside those who wait for one
                syncs.append(bench_machine.sync_microseconds(folder))
            await subject.one_round(shape, calls)
        if len(syncs) == number:  # without h2load nobody waits alone
            syncs.append(bench_machine.sync_microseconds(folder))
        if 2 * time.monotonic() - began > until:
            break
    return syncs


async def check_answers(regions: list[Region], subjects: dict[str, Subject], answered: list[float]) -> None:
    """What h2load took for answers were answers: the Regions counted as many Encrypts that went well."""
    for region, before in zip(regions, answered, strict=True):
        names = [name for name, subject in subjects.items() if subject.pid == region.server.pid and name not in report.NO_OP.values()]
        sent = sum(subjects[name].sent for name in names)
        counted = await asyncio.to_thread(region.server.encrypts)
        assert counted - before >= sent, f"{sent} Encrypts were sent by h2load, {counted - before:.0f} went well"


async def compare(servers: dict[str, Server], root: Path, options: argparse.Namespace, until: float) -> report.Found:
    async with contextlib.AsyncExitStack() as stack:
        regions = []
        for front, server in servers.items():
            key_id = new_key(server)
            load = await stack.enter_async_context(Load(server, key_id))
            regions.append(Region(front, root, load, server, key_id))
        own = [subject for region in regions for subject in region.subjects()]
        others = stack.enter_context(contextlib.ExitStack())
        subjects = {subject.name: subject for subject in [*own, *rivals_started(others, root, regions[0])]}
        answered = [region.server.encrypts() for region in regions]
        syncs = await rounds(list(subjects.values()), options, root, until)
        await check_answers(regions, subjects, answered)
    return report.Found(subjects, options.calls, syncs, bench_machine.switch_microseconds(), bench_machine.interpreter())


def stop(number: int, _: Any) -> None:
    raise SystemExit(f"stopped by {signal.Signals(number).name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=1500)
    parser.add_argument("--write", action="store_true", help="put tables and chart into docs/ as well")
    options = parser.parse_args()
    until = time.monotonic() + SECONDS
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, stop)
    signal.alarm(SECONDS + 40)
    os.sched_setaffinity(0, {GENERATOR})
    if h2load.missing():
        print(f"by a client in Python alone: {h2load.missing()}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="meridian-rivals-") as folder, contextlib.ExitStack() as stack:
        stack.callback(signal.alarm, 0)
        servers: dict[str, Server] = {}
        for front in report.GRPC:
            servers[front] = Server(Path(folder) / front, settings_added=f'front.kind = "{front}"\n')
            stack.callback(servers[front].close)
        found = asyncio.run(compare(servers, Path(folder), options, until))
    text = "\n".join(report.tables(found))
    print(text)
    if options.write:
        report.write(text, found)


if __name__ == "__main__":
    main()

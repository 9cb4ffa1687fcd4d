"""What a key in a hardware token costs: Encrypt with it ÷ Encrypt with a key of the Region alone, on one Region in one run.

The token is SoftHSM, so this is the cost of the way to a token and back, and of a token in software. Server and generator run on different
cores; rounds are interleaved, and answers are checked by their suite. Without SoftHSM it says so and ends.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench_process import GENERATOR, measure, pin, report
from tests.deployment import HOME, Deployment
from tests.tokens import PIN, Token, missing, new_token

from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

ROUNDS, CALLS = 5, 2000
GOAL = 1.5
CLUSTER, ANCHOR = "cluster-abcdefghijk", "-----BEGIN CERTIFICATE-----"
SUITES = {"local": b"MK\x01\x01", "token": b"MK\x01\x03"}


def keys_of(deployment: Deployment) -> dict[str, str]:
    """A key of each kind."""
    with deployment.client() as client:
        store = client.create_custom_key_store(
            custom_key_store_name="tokens",
            custom_key_store_type=t.CUSTOM_KEY_STORE_TYPE_AWS_CLOUDHSM,
            cloud_hsm_cluster_id=CLUSTER,
            key_store_password=PIN,
            trust_anchor_certificate=ANCHOR,
        ).custom_key_store_id
        client.connect_custom_key_store(custom_key_store_id=store)

        def is_connected() -> bool:
            (entry,) = client.describe_custom_key_stores(custom_key_store_id=store).custom_key_stores
            return bool(entry.connection_state == t.CONNECTION_STATE_TYPE_CONNECTED)

        deployment.wait_until(is_connected)
        in_token = client.create_key(origin=t.ORIGIN_TYPE_AWS_CLOUDHSM, custom_key_store_id=store)
        return {"local": client.create_key().key_metadata.key_id, "token": in_token.key_metadata.key_id}


async def compare(deployment: Deployment, pid: int, keys: dict[str, str]) -> dict[str, list[float]]:
    """Ratios of server CPU, and of time, by what was measured."""
    endpoint = deployment.endpoint(HOME, "app")
    found: dict[str, list[float]] = {}
    async with grpc.aio.secure_channel(endpoint.target, endpoint.credentials) as channel:
        method: Any = channel.unary_unary(rpcs()["Encrypt"].path)

        async def one(kind: str) -> None:
            fields = {"key_id": keys[kind], "plaintext": b"x" * 32, "encryption_context": {"tenant": "a"}}
            assert SUITES[kind] in await method(rpcs()["Encrypt"].request_class(**fields).SerializeToString())

        for kind in keys:
            await measure(pid, lambda _, kind=kind: one(kind), CALLS // 4, 16)  # type: ignore[misc]  # a lambda of its kind
        for _ in range(ROUNDS):
            for in_flight in (1, 16):
                cost = {k: await measure(pid, lambda _, k=k: one(k), CALLS // (1 if in_flight > 1 else 4), in_flight) for k in keys}  # type: ignore[misc]  # the same
                found.setdefault(f"CPU, {in_flight} in flight", []).append(cost["token"][0] / cost["local"][0])
                found.setdefault(f"time, {in_flight} in flight", []).append(cost["local"][1] / cost["token"][1])
    return found


def prepared(root: Path, token: Token) -> Deployment:
    """A Region whose settings name the token."""
    (token.folder / "anchor.pem").write_text(ANCHOR)
    deployment = Deployment(root / "region", [HOME]).prepare()
    path = deployment.place(HOME).settings
    where = f'module = "{token.module}"\ntoken = "{token.label}"\naccount = "111122223333"\n'
    path.write_text(f'{path.read_text()}[key_store_tokens.{CLUSTER}]\n{where}trust_anchor = "{token.folder}/anchor.pem"\n')
    return deployment


def main() -> None:
    if missing():
        print(missing())
        return
    with tempfile.TemporaryDirectory(prefix="meridian-bench-") as folder:
        deployment = prepared(Path(folder), new_token(Path(folder) / "hsm", "hsm-a"))
        try:
            deployment.start(HOME)
            pid = deployment.processes[HOME].pid
            keys = keys_of(deployment)
            os.sched_setaffinity(0, {GENERATOR})
            pin(pid)
            print("| Encrypt in a token ÷ Encrypt | median [min-max] | goal |\n|---|---|---|")
            for name, ratios in asyncio.run(compare(deployment, pid, keys)).items():
                report(name, ratios, GOAL)
        finally:
            deployment.stop_all()


if __name__ == "__main__":
    main()

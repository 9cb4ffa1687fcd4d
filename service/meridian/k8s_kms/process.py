"""The plug-in from its start to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc

from meridian.k8s_kms.credentials import CertificateEnd, CredentialFiles, CredentialReload, Now
from meridian.k8s_kms.endpoints import Place
from meridian.k8s_kms.health_port import HealthPort
from meridian.k8s_kms.key_in_use import KeyInUse, NotReadBackError
from meridian.k8s_kms.key_name import KeyName
from meridian.k8s_kms.metrics import Metrics
from meridian.k8s_kms.plugin import CALL_SECONDS, Plugin
from meridian.k8s_kms.regions import BehindError, RegionError, Regions
from meridian.k8s_kms.unix_socket import SocketError, bind_socket
from meridian.k8s_kms.v2 import api_pb2_grpc

CALLS_MAX: Final = 64
"""At once; an API server that starts reads many seeds, each once. More are refused as RESOURCE_EXHAUSTED, and asked again."""
MESSAGE_BYTES_MAX: Final = 64 * 1024
"""Of a request: 32 kB of annotations, and seeds."""
END_SECONDS: Final = 3.0
"""Calls under way end in that time: each has less."""


class StartError(Exception):
    """The plug-in cannot start; one sentence says why."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says."""

    socket: Path
    health_port: int
    key: KeyName
    places: tuple[Place, ...]
    files: CredentialFiles
    now: Now


class Process:
    """One socket, one key."""

    def __init__(self, choices: Choices) -> None:
        """Raises: StartError."""
        self._choices = choices
        self._metrics = Metrics()
        try:
            in_use = choices.files.digest()
            choices.files.require_sound()
            clients = choices.files.clients(choices.places)
            self._end = CertificateEnd(choices.files.life(), choices.now, self._metrics)
        except (OSError, ValueError) as fault:
            raise StartError(f"credentials: {fault}") from fault
        self._regions = Regions(choices.places, clients, self._metrics)
        self._key = KeyInUse(choices.key, self._regions, self._metrics)
        self._reload = CredentialReload(choices.files, in_use, self._end, self._metrics)
        self._health = HealthPort(self._metrics.registry, self.fault)
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=CALLS_MAX,
            options=[("grpc.max_receive_message_length", MESSAGE_BYTES_MAX), ("grpc.so_reuseport", 0)],
        )
        api_pb2_grpc.add_KeyManagementServiceServicer_to_server(Plugin(choices.key, self._key, self._metrics), self._server)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> str:
        """Serve. The answer says why the key cannot be used yet, and is empty where it can: Regions may come later than the plug-in.

        Raises: StartError.
        """
        try:
            await self._health.start(self._choices.health_port)
        except OSError as fault:
            raise StartError(f"--health-port {self._choices.health_port}: {fault.strerror}") from fault
        try:
            bind_socket(self._choices.socket, self._server.add_insecure_port)
        except SocketError as fault:
            self._health.stop()
            raise StartError(f"--socket: {fault}") from fault
        await self._server.start()
        self._keep("looks for Regions that are away", self._regions.look_for_lost(self._key.look))
        self._keep("reads credentials again", self._reload.run(self._regions))
        return await self.fault()

    def _keep(self, name: str, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work, name=name))

    async def fault(self) -> str:
        """Why the key cannot be used now; empty where it can."""
        try:
            await self._key.name(CALL_SECONDS)
        except (RegionError, BehindError, NotReadBackError) as fault:
            return self._with_end(str(fault))
        except TimeoutError:
            return self._with_end(f"no Region answered within {CALL_SECONDS} s")
        return ""

    def _with_end(self, fault: str) -> str:
        """A Region that lets nobody in with an ended certificate cannot say so."""
        ended = self._end.fault()
        return f"{ended}; {fault}" if ended else fault

    async def ended(self) -> str:
        """Wait for work that ends by itself, which it never should; the answer says which, and why."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = done.pop()
        fault = task.exception()
        return f"what {task.get_name()} has ended" + (f": {type(fault).__name__}: {fault}" if fault else "")

    async def stop(self) -> None:
        """Let calls under way end, and take nothing new."""
        self._health.stop()
        await self._server.stop(END_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for client in self._regions.clients.values():
            await client.close()

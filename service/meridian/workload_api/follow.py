"""Follows a Workload API for as long as the process lives: each change is handed on, and whatever goes wrong is told and tried again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import grpc

from meridian.workload_api.svid import Svid, SvidFault, read_svid
from meridian.workload_api.v1 import workload_pb2, workload_pb2_grpc

METADATA: Final = (("workload.spiffe.io", "true"),)
"""What every caller must show, so that no web page can be one. Source: SPIFFE Workload Endpoint specification, section 3."""
MESSAGE_BYTES_MAX: Final = 4 * 1_048_576
PAUSE_SECONDS: Final = 0.5
PAUSE_SECONDS_MAX: Final = 30.0
DETAILS_CHARACTERS_MAX: Final = 200


class Follower:
    """Keeps up with one socket. `take` is given what is new; it may raise OSError."""

    def __init__(self, socket: str, wanted: str, take: Callable[[Svid], None], tell: Callable[[str], None]) -> None:
        """`socket`: `unix:///path`. `wanted`: the SPIFFE id among several; empty for the first."""
        self._socket = socket
        self._wanted = wanted
        self._take = take
        self._tell = tell
        self._ended = threading.Event()
        self._call: Any = None
        self._fault = ""
        self._pause = PAUSE_SECONDS

    def run(self) -> None:
        """Follow until `end`."""
        with grpc.insecure_channel(self._socket, options=[("grpc.max_receive_message_length", MESSAGE_BYTES_MAX)]) as channel:
            stub: Any = workload_pb2_grpc.SpiffeWorkloadAPIStub(channel)
            while not self._ended.is_set():
                self._listen(stub)
                self._ended.wait(self._pause)
                self._pause = min(2 * self._pause, PAUSE_SECONDS_MAX)

    def end(self) -> None:
        """Follow no more. May be called from a signal's handler."""
        self._ended.set()
        if self._call is not None:
            self._call.cancel()

    def _listen(self, stub: Any) -> None:
        self._call = stub.FetchX509SVID(workload_pb2.X509SVIDRequest(), metadata=METADATA, wait_for_ready=False)
        if self._ended.is_set():
            self._call.cancel()
        try:
            for said in self._call:
                self._take(read_svid(said, self._wanted))
                self._fault, self._pause = "", PAUSE_SECONDS
            self._note("it has ended its stream")
        except grpc.RpcError as fault:
            self._note(f"{fault.code().name}: {(fault.details() or '')[:DETAILS_CHARACTERS_MAX]}")
        except SvidFault as fault:
            self._note(str(fault))
        except OSError as fault:
            self._note(f"cannot be written: {fault.strerror or type(fault).__name__}")
        finally:
            self._call.cancel()

    def _note(self, fault: str) -> None:
        """Tell it once, until it is another or all was well between."""
        if fault != self._fault and not self._ended.is_set():
            self._tell(f"{self._socket}: {fault}; what was written stays, and it is asked again")
        self._fault = fault

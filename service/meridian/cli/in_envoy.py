"""What Envoy loads: the ASGI application, whose start is that of the Region and whose end is that of the process.

The end is not left to Envoy, which would close every connection at once. Signals reach this module alone; the Region is stopped as behind
grpcio, while Envoy goes on, and when nothing is left to be said the process ends with its exit code.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from meridian import lean_libraries  # noqa: F401 - before all that loads them whole
from meridian.adapters.clock_system import process_age
from meridian.bootstrap.envoy_files import remove_folder
from meridian.bootstrap.seat import Seat, name_in
from meridian.bootstrap.start_steps import Done, StartSteps, untold
from meridian.cli.envoy_process import APPLICATION, HANDED_OVER, HTTP3_APPLICATION
from meridian.cli.exit_codes import OTHER
from meridian.cli.json_log import log_as_json, log_with_name
from meridian.cli.running_region import run_region
from meridian.cli.signals import BlockedSignals
from meridian.cli.start import given_settings
from meridian.cli.terminal import say
from meridian.process_memory import protect_memory
from meridian.transport.envoy.front_values import FrontPlaces
from meridian.transport.envoy.other_loop import OtherLoop

if TYPE_CHECKING:
    from meridian.bootstrap.region import Region
    from meridian.cli.ending import Ending

LISTEN_SECONDS: Final = 10.0
LATE_EVENT: Final = "RecvFutureExecutor"
"""Of pyvoy: what answers the question for more of a request, and does not look whether anybody still asks."""
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Application:
    """One Region."""

    def __init__(self, handed_over: str) -> None:
        told = json.loads(handed_over)
        sys.executable = told["executable"]  # Envoy's is none that runs Python
        for name, value in told["environment"].items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        protect_memory()
        log_as_json()
        self._seat = Seat(told["number"], told["of"], None if told["admin"] is None else Path(told["admin"]))
        self._done: Done = StartSteps(process_age(), time.process_time).done if told["verbose"] else untold
        self._signals = BlockedSignals()
        self._config = Path(told["config"])
        self._places = FrontPlaces(Path(told["folder"]), told["module"], APPLICATION, HTTP3_APPLICATION)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        raise AssertionError("Envoy sends no request before the Region answers")

    async def _live(self, receive: Receive, send: Send) -> None:
        code = OTHER
        asyncio.get_running_loop().set_exception_handler(_told)
        try:
            await receive()
            settings = given_settings(self._config, self._seat)
            if self._seat.is_shared:
                log_with_name(name_in(settings, self._seat.number))

            async def opened(region: Region, ending: Ending) -> None:
                front = region.front
                assert front is not None  # noqa: S101 - it was given the places of this Envoy
                self._serve = front.application.serve  # type: ignore[method-assign]  # from here on its calls are the Region's
                http3_application.serve_by(front.application.serve)
                await send({"type": "lifespan.startup.complete"})
                await front.listening(LISTEN_SECONDS)
                self._ended = asyncio.ensure_future(_ask_with(receive, ending))

            code = await run_region(settings, self._seat, self._done, self._signals, places=self._places, opened=opened)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else OTHER
        except BaseException as fault:
            say(f"ends: {type(fault).__name__}", err=True)
            sys.excepthook(type(fault), fault, fault.__traceback__)
        finally:
            self._end(code)

    def _end(self, code: int) -> NoReturn:
        """At once: everything is stopped, and what Envoy would still do is to tear down what nobody uses."""
        remove_folder(self._places.folder)
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                continue  # whoever read it is gone
        os._exit(code)


def _told(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What fails in a callback is written to the log, but for an event of Envoy's that comes to a request which was given up meanwhile:
    whoever has many requests waiting would write there as much as he likes."""
    is_late = isinstance(context.get("exception"), asyncio.InvalidStateError) and LATE_EVENT in str(context.get("message"))
    if not is_late:
        loop.default_exception_handler(context)


async def _ask_with(receive: Receive, ending: Ending) -> None:
    """Envoy was told to end by somebody else than us."""
    await receive()
    ending.ask()


http3_application = OtherLoop()
application = Application(os.environ.pop(HANDED_OVER))

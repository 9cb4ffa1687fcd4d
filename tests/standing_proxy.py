"""The key manager that every Region of a test process may have stores at: started with the first Region, ended with the process."""

from __future__ import annotations

import atexit
import tempfile
from functools import cache
from pathlib import Path

from tests.ports import free_port
from tests.xks_proxy import XksProxy

PROXY_HOST = "xks.example.com"


@cache
def standing_proxy() -> XksProxy:
    """The one of this process."""
    folder = tempfile.TemporaryDirectory(prefix="meridian-proxy-")
    proxy = XksProxy(Path(folder.name), free_port(), PROXY_HOST)
    atexit.register(folder.cleanup)
    atexit.register(proxy.end)
    return proxy

"""A Region on PostgreSQL with a relay between them, which can lose its way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.databases import new_database
from tests.deployment import HOME, Deployment
from tests.network import Relay

from meridian.administration.database import initialise
from meridian.settings import load_settings


@contextlib.contextmanager
def relayed_region(folder: Path, server: str) -> Iterator[tuple[Deployment, Relay]]:
    """One that serves, on a new database of the server of this URL."""
    parts = urlsplit(asyncio.run(new_database(server)))
    relay = Relay(f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432")
    deployment = Deployment(folder, [HOME]).prepare()
    settings = deployment.place(HOME).settings
    through = f"postgresql://{parts.username}:@127.0.0.1:{relay.port}{parts.path}"
    lines = settings.read_text().splitlines()
    settings.write_text("\n".join(f'database = "{through}"' if line.startswith("database") else line for line in lines))
    asyncio.run(initialise(load_settings(settings)))
    try:
        deployment.start()
        yield deployment, relay
    finally:
        deployment.stop_all()
        relay.close()

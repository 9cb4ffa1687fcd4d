"""What programs import to talk to a Region."""

from meridian.client import errors, words
from meridian.client.async_client import AsyncClient
from meridian.client.client import Client
from meridian.client.connection import Endpoint, OneOfSeveral
from meridian.client.dry_runs import dry_run, dry_run_async
from meridian.client.service_error import KmsServiceError
from meridian.client.waiting import NeverReachedError

__all__ = [
    "AsyncClient",
    "Client",
    "Endpoint",
    "OneOfSeveral",
    "KmsServiceError",
    "NeverReachedError",
    "dry_run",
    "dry_run_async",
    "errors",
    "words",
]

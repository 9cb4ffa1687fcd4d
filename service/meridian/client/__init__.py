"""What programs import to talk to a Region: `Client`, `AsyncClient`, `Endpoint` and `errors`."""

from meridian.client import errors
from meridian.client.client import AsyncClient, Client
from meridian.client.connection import Endpoint

__all__ = ["AsyncClient", "Client", "Endpoint", "errors"]

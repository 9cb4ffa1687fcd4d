"""What programs import to talk to a Region: `Client`, `AsyncClient`, `Endpoint` and `errors`."""

from meridian.client import errors, words
from meridian.client.async_client import AsyncClient
from meridian.client.client import Client
from meridian.client.connection import Endpoint
from meridian.client.service_error import KmsServiceError

__all__ = ["AsyncClient", "Client", "Endpoint", "KmsServiceError", "errors", "words"]

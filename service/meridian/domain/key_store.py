"""Custom key stores: THE table of what their connection states allow.

A state says what was asked for and whether an attempt succeeded, never how the other side fares now: an outage changes no state.

Source: AWS KMS API Reference, ConnectCustomKeyStore, DisconnectCustomKeyStore, UpdateCustomKeyStore, DeleteCustomKeyStore.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from meridian.errors import CustomKeyStoreInvalidStateException


class KeyStoreType(StrEnum):
    """CustomKeyStoreType of the AWS KMS API. A store keeps the one that it was made with."""

    AWS_CLOUDHSM = "AWS_CLOUDHSM"
    EXTERNAL_KEY_STORE = "EXTERNAL_KEY_STORE"


NO_STORE: Final = ""
"""What stands for the type of a store that is not there: no policy that asks for a type allows anything on it."""


class ConnectionState(StrEnum):
    """ConnectionState of the AWS KMS API."""

    DISCONNECTED = "DISCONNECTED"
    CONNECTING = "CONNECTING"
    CONNECTED = "CONNECTED"
    DISCONNECTING = "DISCONNECTING"
    FAILED = "FAILED"


class Answer(StrEnum):
    """What an operation does in a state."""

    YES = "yes"
    DONE = "done"
    """It is so already: nothing changes."""
    NO = "no"


_STATES: Final = (
    ConnectionState.DISCONNECTED,
    ConnectionState.CONNECTING,
    ConnectionState.CONNECTED,
    ConnectionState.DISCONNECTING,
    ConnectionState.FAILED,
)

TABLE: Final[dict[str, str]] = {
    #                            DISCONNECTED CONNECTING CONNECTED DISCONNECTING FAILED
    "ConnectCustomKeyStore": "yes done done no no",
    "DisconnectCustomKeyStore": "no yes yes no yes",
    "UpdateCustomKeyStore": "yes no yes no no",
    "DeleteCustomKeyStore": "yes no no no no",
    "CreateKey": "no no yes no no",
    "GenerateRandom": "no no yes no no",
}
"""UpdateCustomKeyStore changes less of a store that is connected: `WHILE_CONNECTED`."""

WHILE_CONNECTED: Final = frozenset(
    {"custom_key_store_id", "new_custom_key_store_name", "xks_proxy_authentication_credential", "xks_proxy_uri_path"}
)
"""Fields of UpdateCustomKeyStore that may be given for a store that is connected."""

_ROWS: Final = {operation: dict(zip(_STATES, map(Answer, answers.split()), strict=True)) for operation, answers in TABLE.items()}


def require_connection_state(operation: str, store_id: str, state: ConnectionState) -> Answer:
    """Whether there is anything to do. Raises: CustomKeyStoreInvalidStateException where the state does not allow the operation."""
    answer = _ROWS[operation][state]
    if answer is Answer.NO:
        raise CustomKeyStoreInvalidStateException(f"Custom key store {store_id} is {state}, which is not valid for {operation}.")
    return answer


def dialled_host(endpoint: str) -> str:
    """The host that an XksProxyUriEndpoint leads to: endpoints that differ in case, a last dot or the port that is meant anyway are one."""
    return endpoint.lower().removeprefix("https://").removesuffix(":443").rstrip(".")

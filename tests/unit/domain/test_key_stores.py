"""What is done with a key store in each state of its connection."""

from __future__ import annotations

import pytest

from meridian.domain.key_store import TABLE, Answer, ConnectionState, require_connection_state
from meridian.errors import CustomKeyStoreInvalidStateException


@pytest.mark.parametrize("operation", TABLE)
def test_a_key_store_does_what_its_connection_allows(operation: str) -> None:
    order = ("DISCONNECTED", "CONNECTING", "CONNECTED", "DISCONNECTING", "FAILED")
    for name, answer in zip(order, TABLE[operation].split(), strict=True):
        state = ConnectionState(name)
        if answer == "no":
            with pytest.raises(CustomKeyStoreInvalidStateException) as refused:
                require_connection_state(operation, "cks-1", state)
            assert refused.value.message == f"Custom key store cks-1 is {name}, which is not valid for {operation}."
        else:
            assert require_connection_state(operation, "cks-1", state) is Answer(answer)

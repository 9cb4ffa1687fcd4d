"""`--wait`: calls whose effect comes later, and what is waited for after each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from meridian.cli.exit_codes import KEY_STATE
from meridian.cli.progress import busy
from meridian.cli.terminal import say
from meridian.client import Client, Endpoint
from meridian.client.regions import key_in
from meridian.client.waiting import NeverReachedError

PLACE: Final = "MERIDIAN_ENDPOINT_"
"""Begins the variable that has the endpoint of a Region, as the `env` of `meridian dev` sets it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What to do before a call, and after it with what came of that; both with a client of the Region that is called."""

    what: str
    """For people, with the fields of the request."""
    after: Callable[[Client, Any, Any, float], object]
    """Takes the client, the request, what `before` gave, and how many seconds there are."""
    before: Callable[[Client, Any], Any] = lambda _client, _request: None
    where: Callable[[Endpoint, Any], Endpoint] = lambda endpoint, _request: endpoint
    """The Region in which the effect is seen. Raises: click.UsageError."""


def place_of(endpoint: Endpoint, request: Any) -> Endpoint:
    """The Region of the replica, called as the same caller."""
    name = f"{PLACE}{request.replica_region.upper().replace('-', '_')}"
    target = os.environ.get(name)
    if not target:
        raise click.UsageError(f"--wait looks at the replica in its Region: say in {name} where that is, as host:port")
    return replace(endpoint, target=target)


def _material(client: Client, request: Any) -> str:
    return str(client.describe_key(key_id=request.key_id).key_metadata.current_key_material_id)


WAITS: Final = {
    "ReplicateKey": Wait(
        "the replica of {key_id} in {replica_region} works",
        lambda client, request, _, seconds: client.wait_until_enabled(
            key_id=key_in(request.replica_region, request.key_id), seconds=seconds
        ),
        where=place_of,
    ),
    "UpdatePrimaryRegion": Wait(
        "{key_id} has a new primary",
        lambda client, request, _, seconds: client.wait_until_enabled(key_id=request.key_id, seconds=seconds),
    ),
    "RotateKeyOnDemand": Wait(
        "{key_id} has another material",
        lambda client, request, before, seconds: client.wait_until_rotated(key_id=request.key_id, material_before=before, seconds=seconds),
        before=_material,
    ),
    "ConnectCustomKeyStore": Wait(
        "{custom_key_store_id} is connected",
        lambda client, request, _, seconds: client.wait_until_connected(custom_key_store_id=request.custom_key_store_id, seconds=seconds),
    ),
}
"""THE table of operations that have `--wait`: those whose effect a waiter of the client library sees."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A wait that is about to begin: what came before the call, and where its effect is seen."""

    wait: Wait
    place: Endpoint
    before: Any

    @classmethod
    def prepare(cls, operation: str, endpoint: Endpoint, request: Any, client: Client) -> Awaited:
        """Before the call, so that nothing is changed where nothing can be waited for. Raises: click.UsageError, KmsServiceError."""
        wait = WAITS[operation]
        return cls(wait, wait.where(endpoint, request), wait.before(client, request))

    def finish(self, request: Any, seconds: float) -> None:
        """Return when the effect is there. Ends with the exit code of a key's state where it never will. Raises: KmsServiceError."""
        fields = {field.name: getattr(request, field.name) for field in request.DESCRIPTOR.fields}
        with busy(f"waiting until {self.wait.what.format(**fields)}"), Client(self.place) as client:
            try:
                self.wait.after(client, request, self.before, seconds)
            except NeverReachedError as fault:
                say(str(fault), err=True)
                sys.exit(KEY_STATE)

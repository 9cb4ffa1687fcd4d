"""What the other Region of ReplicateKey or UpdatePrimaryRegion would decide: asked there, as the call itself would ask it.

The answer is shown and is no authority for anything. The question is as long as an answer may take; whoever does not answer is unknown.

Source: docs/spec/multi-region.md §1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from meridian.call import Call
from meridian.domain.key import Key
from meridian.domain.peer_message import Prepare, PrepareHandover
from meridian.domain.policy_answer import Elsewhere, Foretold
from meridian.errors import AccessDeniedException, DependencyTimeoutException, KmsError
from meridian.kms.v1.multi_region_pb2 import ReplicateKeyRequest, UpdatePrimaryRegionRequest
from meridian.operations.peer_questions import handover_question, replica_question
from meridian.ports.region_peer import RegionPeer
from meridian.ports.store.region import RegionIdentity

SECONDS: Final = 3.0
"""That another Region may take to answer: whoever asks waits for more than one thing."""


class ForetellElsewhere:
    """Asks the other Region of a call that this one would allow."""

    def __init__(self, peer: RegionPeer, regions: Collection[str], identity: RegionIdentity) -> None:
        self._peer = peer
        self._regions = frozenset(regions)
        self._identity = identity

    async def __call__(self, call: Call) -> Elsewhere | None:
        """None for a call that asks no other Region. Never raises KmsError."""
        request = call.request
        if isinstance(request, ReplicateKeyRequest):
            region = request.replica_region
        elif isinstance(request, UpdatePrimaryRegionRequest) and request.primary_region != self._identity.region:
            region = request.primary_region
        else:
            return None
        if region not in self._regions:
            return Elsewhere(region, Foretold.UNKNOWN, f"{region} is no other Region of this deployment.")
        if not call.caller.subject:
            return Elsewhere(region, Foretold.UNKNOWN, "How this principal is authenticated is not known before he calls.")
        message = self._question(call)
        if message is None:
            return Elsewhere(region, Foretold.UNKNOWN, f"Region {self._identity.region} would end the call before it asks Region {region}.")
        return await self._ask(region, message)

    def _question(self, call: Call) -> Prepare | PrepareHandover | None:
        """None where the key is not the primary of its set."""
        key: Key = call.keys["key_id"]
        if key.multi_region is None or key.multi_region.primary_region != self._identity.region:
            return None
        if isinstance(call.request, ReplicateKeyRequest):
            return replica_question(call.request, call, key, self._identity, serial="")
        return handover_question(call.asks(UpdatePrimaryRegionRequest), call, key, self._identity)

    async def _ask(self, region: str, message: Prepare | PrepareHandover) -> Elsewhere:
        try:
            async with asyncio.timeout(SECONDS):
                await self._peer.foretell(region, message)
        except AccessDeniedException as refusal:
            return Elsewhere(region, Foretold.DENIED, refusal.message)
        except (TimeoutError, DependencyTimeoutException):
            return Elsewhere(region, Foretold.UNKNOWN, f"Region {region} did not answer.")
        except KmsError as other:
            return Elsewhere(region, Foretold.UNKNOWN, f"Region {region} would end the call: {other.message}")
        return Elsewhere(region, Foretold.ALLOWED)

"""One key: all that its viewer may know of it, each part by a call of its own, or the refusal of that call."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from meridian.console.pages.writes import DONE, WRITES, offered
from meridian.console.visit import Visit
from meridian.contract.fields import enum_text_of
from meridian.contract.operation import Operation
from meridian.kms.v1.aliases_pb2 import ListAliasesRequest
from meridian.kms.v1.grants_pb2 import ListGrantsRequest
from meridian.kms.v1.key_policies_pb2 import GetKeyPolicyRequest
from meridian.kms.v1.keys_pb2 import DescribeKeyRequest, GetKeyLastUsageRequest
from meridian.kms.v1.rotation_pb2 import GetKeyRotationStatusRequest, ListKeyRotationsRequest
from meridian.kms.v1.tags_pb2 import ListResourceTagsRequest
from meridian.kms.v1.types_pb2 import INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL

LISTED: Final = 50
"""Of each list at most; the page says where there are more. A page of so much is written in less than five milliseconds."""
PARTS: Final = ("rotation", "materials", "aliases", "tags", "grants", "policy", "cedar", "usage")
"""What the page shows beside the key's own lines, in the order of the questions."""


async def show_key(visit: Visit) -> Response:
    """The page. Raises: KmsError where its viewer may not have the key described."""
    key_id = visit.path["key_id"]
    described = await visit.ask.ask(Operation.DESCRIBE_KEY, DescribeKeyRequest(key_id=key_id))
    told = await visit.ask.all_told(
        (Operation.GET_KEY_ROTATION_STATUS, GetKeyRotationStatusRequest(key_id=key_id)),
        (
            Operation.LIST_KEY_ROTATIONS,
            ListKeyRotationsRequest(key_id=key_id, include_key_material=INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL, limit=LISTED),
        ),
        (Operation.LIST_ALIASES, ListAliasesRequest(key_id=key_id, limit=LISTED)),
        (Operation.LIST_RESOURCE_TAGS, ListResourceTagsRequest(key_id=key_id, limit=LISTED)),
        (Operation.LIST_GRANTS, ListGrantsRequest(key_id=key_id, limit=LISTED)),
        (Operation.GET_KEY_POLICY, GetKeyPolicyRequest(key_id=key_id)),
        (Operation.GET_KEY_POLICY, GetKeyPolicyRequest(key_id=key_id, cedar=True)),
        (Operation.GET_KEY_LAST_USAGE, GetKeyLastUsageRequest(key_id=key_id)),
    )
    key = described.key_metadata
    offers = offered(enum_text_of(key, "key_state")) if visit.desk.writes else {}
    done = WRITES.get(visit.desk.receipts.read(visit.query(DONE), key_id, visit.visitor.principal, visit.arrival.at))
    return visit.page("key.html", f"Key {key.key_id}", key=key, offers=offers, done=done, told=dict(zip(PARTS, told, strict=True)))

"""TagsService: tags of a key.

Source: AWS KMS API Reference, TagResource, UntagResource, ListResourceTags.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from meridian.call import Call
from meridian.domain.key import Key
from meridian.domain.limits import Limits
from meridian.domain.tag import require_room_for_tags
from meridian.kms.v1 import tags_pb2
from meridian.operations.change import KeyChanges
from meridian.operations.page import Page
from meridian.ports.page_markers import PageMarkers
from meridian.ports.store.store import UnitOfWork

LIST_LIMIT_DEFAULT: Final = 50


class Tags:
    """Tags steer policies: a change acts at once."""

    def __init__(self, *, page_markers: PageMarkers, changes: KeyChanges, limits: Limits) -> None:
        self._page_markers = page_markers
        self._changes = changes
        self._limits = limits

    async def tag_resource(self, request: tags_pb2.TagResourceRequest, call: Call) -> tags_pb2.TagResourceResponse:
        """The key has these tags beside its others; a key that was there has the new value. Raises: TagException."""
        given = {tag.tag_key: tag.tag_value for tag in request.tags}

        async def change(uow: UnitOfWork, key: Key) -> Key:
            tags = tuple(sorted((dict(key.tags) | given).items()))
            require_room_for_tags(tags, self._limits)
            return replace(key, tags=tags)

        return await self._changes.apply(call, call.keys["key_id"], change, lambda _: tags_pb2.TagResourceResponse())

    async def untag_resource(self, request: tags_pb2.UntagResourceRequest, call: Call) -> tags_pb2.UntagResourceResponse:
        """The key has none of these tags; those it never had are no fault."""

        async def change(uow: UnitOfWork, key: Key) -> Key:
            return replace(key, tags=tuple(tag for tag in key.tags if tag[0] not in request.tag_keys))

        return await self._changes.apply(call, call.keys["key_id"], change, lambda _: tags_pb2.UntagResourceResponse())

    async def list_resource_tags(self, request: tags_pb2.ListResourceTagsRequest, call: Call) -> tags_pb2.ListResourceTagsResponse:
        """The key's tags by tag key. Raises: InvalidMarkerException."""
        key = call.keys["key_id"]
        page = Page(self._page_markers, call, key.arn, default=LIST_LIMIT_DEFAULT)
        rest = [tag for tag in key.tags if tag[0] > page.after]
        response = tags_pb2.ListResourceTagsResponse()
        for tag_key, tag_value in page.cut(response, rest, [tag_key for tag_key, _ in rest]):
            response.tags.add(tag_key=tag_key, tag_value=tag_value)
        return response

"""Facts of a request that follow from another of its facts, and that no row needs to give."""

from __future__ import annotations

from typing import Final

KEYS_OF: Final = {"encryptionContextKeys": "encryptionContext", "tagKeys": "requestTags"}
ANY_CASE_OF: Final = {"encryptionContextAnyCase": "encryptionContext", "requestTagsAnyCase": "requestTags"}
LABELS_OF: Final = {"replicaRegionLabels": "replicaRegion", "primaryRegionLabels": "primaryRegion"}

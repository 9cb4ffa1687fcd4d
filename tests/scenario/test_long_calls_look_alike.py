"""A call so long that its record is cut tells those who look back no more of a closed key than of one that is absent."""

from __future__ import annotations

import pytest
from tests.deployment import HOME, Deployment

from meridian.client import errors

APP = "arn:aws:iam::111122223333:service/app"


def test_a_long_call_says_no_more_of_a_closed_key(two_regions: Deployment) -> None:
    """One that moves something from an own key to a closed or an absent one, so long that its record is just cut, or just not."""
    with two_regions.client() as alice, two_regions.client(HOME, "developer-abroad") as abroad:
        own, closed = str(alice.create_key().key_metadata.arn), str(abroad.create_key().key_metadata.arn)
    absent = f"{closed[:-12]}000000000000"
    with two_regions.client(HOME, "app") as app, two_regions.client(HOME, "auditor") as auditor:
        for padding in (100, 4800, 5000, 5200, 5400, 5600, 5800, 6000, 6200, 6400, 6600, 6800, 7000):
            source, told = {"a": "x" * padding}, []
            blob = app.encrypt(key_id=own, plaintext=b"x", encryption_context=source).ciphertext_blob
            for key in (closed, absent):
                with pytest.raises(errors.AccessDeniedException):
                    app.re_encrypt(
                        source_key_id=own, ciphertext_blob=blob, source_encryption_context=source,
                        destination_key_id=key, destination_encryption_context={"b": "y" * 7000},
                    )  # fmt: skip
                (seen,) = auditor.list_decisions(operation="ReEncrypt", principal=APP, limit=1).calls
                explained = auditor.explain_decision(handle=seen.handle)
                told.append((list(seen.decisions), list(explained.decisions), explained.policies_changed))
            assert told[0] == told[1], padding

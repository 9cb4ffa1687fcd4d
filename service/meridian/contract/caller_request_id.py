"""The id that a caller gives to his own request, so that an auditor finds it in the record: `additionalEventData.callerRequestId`."""

from __future__ import annotations

import re
from typing import Final

CALLER_REQUEST_ID: Final = "x-meridian-caller-request-id"
"""Metadata of gRPC and header of HTTP."""
WRONG_FORM: Final = "must have 1 to 128 characters, each a visible one of ASCII"
_FORM: Final = re.compile(r"[!-~]{1,128}")


def is_caller_request_id(text: str) -> bool:
    """Whether a text has the form of such an id."""
    return _FORM.fullmatch(text) is not None

"""Requests of the query protocol: a form, each field of which is there once.

Source: Smithy, AWS query protocol; AWS STS API Reference, version 2011-06-15.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from meridian.errors import ValidationException
from meridian.sts.v1.sts_pb2 import AssumeRoleWithWebIdentityRequest

BODY_BYTES_MAX: Final = 32 * 1024
FIELDS_MAX: Final = 32
VERSION: Final = "2011-06-15"
POLICY_ARN: Final = re.compile(r"PolicyArns\.member\.[0-9]{1,3}\.arn")
TEXTS: Final = {
    "RoleArn": "role_arn",
    "RoleSessionName": "role_session_name",
    "ProviderId": "provider_id",
    "Policy": "policy",
}
"""Fields that are texts of the request."""
SECONDS: Final = "DurationSeconds"
TOKEN: Final = "WebIdentityToken"  # noqa: S105 - the name of a field
OF_PROTOCOL: Final = ("Action", "Version")

Form = Mapping[str, str]


def read_form(body: bytes) -> Form:
    """The fields by name. Raises: ValidationException for what is no form, and for a field that is given twice."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=FIELDS_MAX, errors="strict", encoding="utf-8"
        )
    except ValueError as fault:
        raise ValidationException("The request is no form.") from fault
    form = dict(pairs)
    if len(form) != len(pairs):
        raise ValidationException("The request has a field more than once.")
    if form.get("Version", VERSION) != VERSION:
        raise ValidationException(f"The version of the service is {VERSION}.")
    return form


def assume_role_request(form: Form) -> AssumeRoleWithWebIdentityRequest:
    """The request, without the token. Raises: ValidationException for a field that is none of it, or is no number."""
    request = AssumeRoleWithWebIdentityRequest()
    for name, value in form.items():
        if name in TEXTS:
            setattr(request, TEXTS[name], value)
        elif name == SECONDS:
            request.duration_seconds = _whole(value)
        elif POLICY_ARN.fullmatch(name):
            request.policy_arns.append(value)
        elif name not in (*OF_PROTOCOL, TOKEN):
            raise ValidationException("The request has a field that the operation does not have.")
    return request


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValidationException("DurationSeconds is no whole number.", fields=[("durationSeconds", "is no whole number")])
    return int(text)

"""Requests of the query protocol: a form, each field of which is there once.

Source: Smithy, AWS query protocol; AWS STS API Reference, version 2011-06-15.
"""

from __future__ import annotations

import re
from typing import Final

from meridian.errors import ValidationException
from meridian.sts.v1.sts_pb2 import AssumeRoleWithWebIdentityRequest
from meridian.transport.http1.form import Form, read_form

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


def read_request(body: bytes) -> Form:
    """The fields by name. Raises: ValidationException for what is no form, for a field that is given twice and for another version."""
    form = read_form(body, FIELDS_MAX)
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

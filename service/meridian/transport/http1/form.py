"""A form as HTTP carries it (application/x-www-form-urlencoded), read strictly: ASCII, each field once, and no more than so many.

Source: WHATWG, URL, section 5 (application/x-www-form-urlencoded).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from meridian.errors import ValidationException

Form = Mapping[str, str]


def read_form(body: bytes, fields_max: int) -> Form:
    """The fields by name. Raises: ValidationException for what is no form, and for a field that is given twice."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=fields_max, errors="strict", encoding="utf-8"
        )
    except ValueError as fault:
        raise ValidationException("The request is no form.") from fault
    form = dict(pairs)
    if len(form) != len(pairs):
        raise ValidationException("The request has a field more than once.")
    return form

"""Forms that browsers send: each field once, all of them short, and only from pages of the console itself.

A form carries a sealed text that names its sender and its time: nobody can make one for another. Source: OWASP, Cross-Site Request Forgery
Prevention Cheat Sheet, signed double submit and origin checks.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from meridian.console.arrival import Arrival
from meridian.domain.principal import Principal
from meridian.errors import AccessDeniedException, ValidationException
from meridian.ports.kept_by_browsers import KeptByBrowsers
from meridian.transport.http1.form import Form, read_form

FORM_BYTES_MAX: Final = 16 * 1024
LONG_FORM_BYTES_MAX: Final = 256 * 1024
"""Of a form with texts that somebody edits: two policies, each character written as three."""
FIELDS_MAX: Final = 16
FORM: Final = "application/x-www-form-urlencoded"
TOKEN: Final = "form"  # noqa: S105 - the name of a field
SECONDS: Final = 12 * 3600
"""How long a page may stay open before its form is refused."""
PURPOSE: Final = "form"
STRANGE: Final = "This form is not from a page of the console that was opened by you within the last twelve hours. Open the page again."


class Forms:
    """Makes the sealed text of forms, and reads forms that have it."""

    def __init__(self, kept: KeptByBrowsers, origin: str) -> None:
        """`origin`: where browsers find the console."""
        self._kept = kept
        self._origin = origin

    def token(self, principal: Principal, now: datetime) -> str:
        """What the forms of this viewer carry."""
        return self._kept.seal(PURPOSE, f"{int(now.timestamp()) + SECONDS} {principal.arn}")

    def read(self, arrival: Arrival, principal: Principal) -> Form:
        """The fields of a form. Raises: ValidationException for what is no form, AccessDeniedException for one that is from elsewhere."""
        self._require_form(arrival, FORM_BYTES_MAX)
        return self._require_own(read_form(arrival.body, FIELDS_MAX), arrival, principal)

    async def read_long(self, arrival: Arrival, principal: Principal) -> Form:
        """The same of a form with long texts, which are read in a thread."""
        self._require_form(arrival, LONG_FORM_BYTES_MAX)
        return self._require_own(await asyncio.to_thread(read_form, arrival.body, FIELDS_MAX), arrival, principal)

    def _require_form(self, arrival: Arrival, bytes_max: int) -> None:
        head = arrival.head
        if head.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM or head.content_length > bytes_max:
            raise ValidationException("The request is no form.")
        if head.headers.get("origin") != self._origin:
            raise AccessDeniedException(STRANGE)

    def _require_own(self, form: Form, arrival: Arrival, principal: Principal) -> Form:
        if not self._is_of(form.get(TOKEN, ""), principal, arrival.at):
            raise AccessDeniedException(STRANGE)
        return form

    def _is_of(self, token: str, principal: Principal, now: datetime) -> bool:
        try:
            ends, _, arn = self._kept.open(PURPOSE, token).partition(" ")
        except ValueError:
            return False
        return arn == principal.arn and int(ends) > now.timestamp()

"""Refusals as pages: THE table of their HTTP status."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from meridian import errors as e
from meridian.console.visit import Visit

STATUS: Final[dict[type[e.KmsError], int]] = {
    e.UnrecognizedClientException: 401,
    e.ExpiredTokenException: 401,
    e.MissingAuthenticationTokenException: 401,
    e.AccessDeniedException: 403,
    e.NotFoundException: 404,
    e.KMSInvalidStateException: 409,
    e.ConflictException: 409,
    e.ThrottlingException: 429,
    e.KMSInternalException: 500,
    e.DependencyTimeoutException: 503,
}
"""Whatever is not here is the asker's to mend."""
NOBODY: Final = (e.UnrecognizedClientException, e.ExpiredTokenException, e.MissingAuthenticationTokenException)
"""What says that nobody is known."""
BAD_REQUEST: Final = 400


def refusal_page(visit: Visit, error: e.KmsError) -> Response:
    """What the service answered, in its own words."""
    return visit.page("refusal.html", "Refused", status=status_of(error), error=error)


def status_of(error: e.KmsError) -> int:
    """Of a page that tells this."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), BAD_REQUEST)

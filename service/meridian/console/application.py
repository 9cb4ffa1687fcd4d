"""The console's pages behind one door: who may look, what becomes of whoever may not, and what a fault looks like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from meridian.console.arrival import Arrival
from meridian.console.listener import ARRIVAL
from meridian.console.pages.entry import sign_in_first
from meridian.console.places import PLACES, STATIC, Place
from meridian.console.refusals import NOBODY, refusal_page
from meridian.console.visit import Desk, Visit, with_headers
from meridian.contract.operation import Operation
from meridian.errors import KmsError, KMSInternalException
from meridian.pipeline.unauthenticated import Unauthenticated
from meridian.ports.entropy import Entropy
from meridian.ports.security_events import SecurityEvents

WHO: Final = Operation.WHO_AM_I
"""Under this name of the contract a failed sign-in is counted and told: nothing else is known to be wanted yet."""
KEPT_SECONDS: Final = 86_400
"""How long a browser keeps style and script; another version of them has another address."""


class Door:
    """Before every page."""

    def __init__(self, desk: Desk, unauthenticated: Unauthenticated, events: SecurityEvents, entropy: Entropy) -> None:
        self._desk = desk
        self._unauthenticated = unauthenticated
        self._events = events
        self._entropy = entropy

    async def show(self, place: Place, request: Request) -> Response:
        """The page, or why it is not shown."""
        arrival: Arrival = request.scope[ARRIVAL]
        visit = Visit(arrival, self._desk, request.path_params)
        if arrival.refusal is not None:
            return await self._turn_away(visit, arrival.refusal, ends_session=True)
        if arrival.visitor is None and not place.is_open:
            return sign_in_first(visit)
        try:
            return await place.show(visit)
        except KmsError as error:
            if not isinstance(error, NOBODY):
                return refusal_page(visit, error)
            # At an open place nobody was asked who he is: a link to it from another site signs nobody out.
            return await self._turn_away(visit, error, ends_session=not place.is_open)
        except Exception as fault:
            self._events.report_fault(fault, during=f"console {place.path}")
            return refusal_page(visit, KMSInternalException(reason=type(fault).__name__))

    async def file(self, request: Request) -> Response:
        """Style or script."""
        found = self._desk.screens.static.get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("not found\n", 404)
        return Response(found[1], media_type=found[0], headers={"Cache-Control": f"public, max-age={KEPT_SECONDS}, immutable"})

    async def nothing(self, request: Request, error: Exception) -> Response:
        """Where there is no page, or none for this method: whoever shows what is no credential is told that before."""
        arrival: Arrival = request.scope[ARRIVAL]
        if arrival.refusal is not None:
            return await self._turn_away(Visit(arrival, self._desk, {}), arrival.refusal, ends_session=True)
        found = cast(HTTPException, error)
        return PlainTextResponse(f"{found.detail}\n", found.status_code, found.headers)

    async def _turn_away(self, visit: Visit, error: KmsError, *, ends_session: bool) -> Response:
        """Told and held back as on every other wire; the browser forgets what was no credential."""
        arrival = visit.arrival
        error.without_frames()  # the answer may come late, and keeps no token until then
        evidence = self._desk.visitors.shown_by(arrival.head)
        await self._unauthenticated.refuse(
            error, operation=WHO, evidence=evidence, request_id=self._entropy.uuid(), started=arrival.started
        )
        sign_in = self._desk.sign_in
        forgotten = [*(sign_in.forget() if sign_in is not None else ()), *(self._desk.sessions.end() if ends_session else ())]
        return with_headers(refusal_page(visit, error), *forgotten)


def make_application(door: Door) -> Starlette:
    """Every place of the table, and the files that browsers get as they are."""
    routes = [Route(place.path, _endpoint(partial(door.show, place)), methods=list(place.methods)) for place in PLACES]
    app = Starlette(
        routes=[*routes, Route(f"{STATIC}{{name}}", _endpoint(door.file))], exception_handlers={404: door.nothing, 405: door.nothing}
    )
    app.router.redirect_slashes = False  # to where the Host header says, which is anybody's word
    return app


def _endpoint(show: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Starlette takes a function for an endpoint, and anything else for an application."""

    async def endpoint(request: Request) -> Response:
        return await show(request)

    return endpoint

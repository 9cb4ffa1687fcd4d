"""Signing in and out."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from meridian.console.cookies import Header
from meridian.console.sign_in import HOME, own_place
from meridian.console.visit import Visit, redirect, with_headers
from meridian.ports.security_events import SecurityEvent
from meridian.ports.sign_in import SignInFault

SIGN_IN = "/sign-in"
AWAY = "The identity provider cannot be reached, or too many are signing in."


async def show_sign_in(visit: Visit) -> Response:
    """The door."""
    place = own_place(visit.query("to"))
    begin = f"{SIGN_IN}/begin?{urlencode({'to': place})}"
    return visit.page("sign_in.html", "Sign in", begin=begin if visit.desk.sign_in is not None else "", fault="")


async def begin_sign_in(visit: Visit) -> Response:
    """To the identity provider."""
    if visit.desk.sign_in is None:
        return redirect(SIGN_IN)
    try:
        place, headers = await visit.desk.sign_in.begin(visit.query("to"), visit.arrival.at)
    except SignInFault as fault:
        return _away(visit, fault)
    return redirect(place, *headers)


async def end_sign_in(visit: Visit) -> Response:
    """Back from it, once, whatever comes of it. Raises: KmsError for whoever brings back what is no sign-in."""
    sign_in, arrival = visit.desk.sign_in, visit.arrival
    if sign_in is None:
        return redirect(SIGN_IN)
    try:
        ended = await sign_in.end(arrival.head, arrival.at)
    except SignInFault as fault:
        return _away(visit, fault, *sign_in.forget())
    principal = visit.desk.visitors.signed_in(arrival.head, ended.token, arrival.at).principal
    try:
        headers = list(visit.desk.sessions.begin(ended.token, arrival.at, principal.expires_at))
    except ValueError:
        page = visit.page("sign_in.html", "Sign in", status=400, begin="", fault="The token of the identity provider is too long.")
        return with_headers(page, *sign_in.forget())
    return redirect(ended.place, *sign_in.forget(), *headers)


async def sign_out(visit: Visit) -> Response:
    """The end of a session, here; the identity provider has its own."""
    visit.desk.forms.read(visit.arrival, visit.visitor.principal)
    return redirect(SIGN_IN, *visit.desk.sessions.end())


def sign_in_first(visit: Visit) -> Response:
    """Where somebody goes who has shown nothing, and from where he comes back."""
    head = visit.arrival.head
    wanted = f"{head.path}?{urlencode(head.query)}" if head.query else head.path
    place = f"{SIGN_IN}?{urlencode({'to': wanted})}" if head.method == "GET" and wanted != HOME else SIGN_IN
    if "hx-request" in head.headers:  # a part of a page is asked for: the browser shall go, not the part
        return Response(status_code=401, headers={"HX-Redirect": SIGN_IN})
    return redirect(place)


def _away(visit: Visit, fault: SignInFault, *headers: Header) -> Response:
    visit.desk.events.report(SecurityEvent.SIGN_IN_FAULT, subject="console", fault=str(fault))
    page = visit.page("sign_in.html", "Sign in", status=503, begin="", fault=AWAY)
    return with_headers(page, *headers)

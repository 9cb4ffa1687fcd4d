"""One look at one page: who looks, what he asked for, and what the console has to answer with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import HTMLResponse, RedirectResponse, Response

from meridian.console.arrival import Arrival, Visitor
from meridian.console.asking import Asker
from meridian.console.cookies import Header
from meridian.console.forms import Forms
from meridian.console.receipts import Receipts
from meridian.console.screens import Screens
from meridian.console.security_headers import OF_PAGES
from meridian.console.sessions import Sessions
from meridian.console.sign_in import SignIn
from meridian.console.visitors import Visitors
from meridian.errors import KMSInternalException
from meridian.ports.security_events import SecurityEvents

SEE_OTHER = 303


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page has at hand."""

    screens: Screens
    forms: Forms
    receipts: Receipts
    sessions: Sessions
    visitors: Visitors
    sign_in: SignIn | None
    """None where only certificates let in."""
    asker_of: Callable[[Visitor], Asker]
    events: SecurityEvents
    writes: bool
    """Whether keys can be changed here, by those whom policies let."""
    troubles: Callable[[], Sequence[str]]
    """Why a call would not be answered now, as this process knows without its database and its audit log."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A look."""

    arrival: Arrival
    desk: Desk
    path: Mapping[str, str]
    """What stands in the path, by the names of its place."""

    @property
    def visitor(self) -> Visitor:
        """Who looks. Raises: KMSInternalException where nobody is known: no page but the open ones is shown to nobody."""
        if self.arrival.visitor is None:
            raise KMSInternalException(reason="no visitor")
        return self.arrival.visitor

    @property
    def ask(self) -> Asker:
        """His questions."""
        return self.desk.asker_of(self.visitor)

    def query(self, name: str) -> str:
        """A parameter of the address; empty where it is not there."""
        return dict(self.arrival.head.query).get(name, "")

    def page(self, template: str, title: str, *, status: int = 200, **values: Any) -> Response:
        """An answer that is shown."""
        visitor = self.arrival.visitor
        token = self.desk.forms.token(visitor.principal, self.arrival.at) if visitor is not None else ""
        around = {"title": title, "visitor": visitor, "form_token": token, "here": self.arrival.head.path, "writes": self.desk.writes}
        html = self.desk.screens.render(template, {**around, **values})
        return HTMLResponse(html, status, dict(OF_PAGES))


def redirect(place: str, *headers: Header) -> Response:
    """An answer that leads elsewhere."""
    return with_headers(RedirectResponse(place, SEE_OTHER, dict(OF_PAGES)), *headers)


def with_headers(answer: Response, *headers: Header) -> Response:
    """The answer, which says these too."""
    for name, value in headers:
        answer.headers.append(name, value)
    return answer


Show = Callable[[Visit], Awaitable[Response]]

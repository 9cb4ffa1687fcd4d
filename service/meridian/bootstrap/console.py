"""The web console, built where the settings have its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meridian.adapters.sign_in_provider import OidcClient, OidcProvider
from meridian.authentication.client_certificate import ClientCertificates
from meridian.bootstrap.core import Core
from meridian.bootstrap.pipelines import Pipelines
from meridian.contract.catalog import walked_rpcs
from meridian.engine.secret_files import FileFault, read_secret
from meridian.settings_console import ConsoleOidcSettings, ConsoleSettings
from meridian.transport.http1.application import Application
from meridian.transport.under_way import CallsUnderWay

if TYPE_CHECKING:
    from meridian.console.sign_in import SignIn


def open_console(core: Core, pipelines: Pipelines, settings: ConsoleSettings, under_way: CallsUnderWay) -> Application:
    """What answers on the console's listener. Raises: ValueError, FileFault."""
    try:
        from meridian.console.application import Door, make_application
        from meridian.console.asking import Asker, Calls
        from meridian.console.forms import Forms
        from meridian.console.listener import ConsoleListener
        from meridian.console.places import MENU, is_open
        from meridian.console.receipts import Receipts
        from meridian.console.screens import Screens
        from meridian.console.sessions import Sessions
        from meridian.console.visit import Desk
        from meridian.console.visitors import Visitors
    except ModuleNotFoundError as fault:
        raise ValueError(f"{fault.name} is not installed: install meridian[console]") from fault
    kept, is_secure = core.engine.kept_by_browsers, settings.tls is not None
    sessions = Sessions(
        kept,
        is_secure=settings.origin.startswith("https://"),
        seconds=settings.session_minutes * 60,
        issuer=settings.oidc.issuer if settings.oidc is not None else "",
    )
    https = core.files.https.get("console")
    identify = pipelines.identify
    if https is not None and https.check is not None:
        identify = identify.with_certificates(ClientCertificates(core.files.principals, https.check))
    visitors = Visitors(identify, sessions, is_secure=is_secure)
    calls = Calls(walked_rpcs(), pipelines.calls.walk, core.clock, core.entropy, limits=core.settings.limits, under_way=under_way)
    desk = Desk(
        screens=Screens({"region": core.settings.region, "menu": MENU}),
        forms=Forms(kept, settings.origin),
        receipts=Receipts(kept),
        sessions=sessions,
        visitors=visitors,
        sign_in=_sign_in(core, pipelines, settings, settings.oidc) if settings.oidc is not None else None,
        asker_of=lambda visitor: Asker(calls, visitor, core.events),
        events=core.events,
        writes=settings.writes,
        troubles=lambda: _troubles(core),
    )
    app = make_application(Door(desk, pipelines.unauthenticated, core.events, core.entropy))
    return ConsoleListener(app, visitors, is_open, core.clock, origin=settings.origin)


def _troubles(core: Core) -> list[str]:
    """What keeps calls from being answered and recorded, as this process knows without its database and its audit log."""
    database = core.store.trouble()
    return [*filter(None, (database and f"database: {database}", core.directory.trouble(), core.stream.trouble()))]


def _sign_in(core: Core, pipelines: Pipelines, settings: ConsoleSettings, oidc: ConsoleOidcSettings) -> SignIn:
    from meridian.console.sign_in import BACK, Registration, SignIn

    issuer = core.files.principals.mapping.issuers.get(oidc.issuer)
    if issuer is None:
        raise ValueError(f"oidc.issuer: {oidc.issuer} is no issuer of {core.settings.principals}")
    if oidc.client_id not in issuer.audiences:
        raise ValueError(f"oidc.client_id: {oidc.client_id} is none of the audiences of its issuer in {core.settings.principals}")
    client = OidcClient(oidc.issuer, oidc.client_id, _secret(oidc), f"{settings.origin}{BACK}")
    provider = OidcProvider(client, lambda: core.files.principals.key_set_sources, core.clock)
    core.stack.callback(provider.close)
    registration = Registration(oidc.issuer, oidc.client_id, settings.origin, " ".join(dict.fromkeys(("openid", *oidc.scopes))))
    return SignIn(provider, pipelines.tokens, core.engine.kept_by_browsers, core.entropy, registration)


def _secret(oidc: ConsoleOidcSettings) -> str:
    if oidc.client_secret_file is None:
        return ""
    try:
        return read_secret(oidc.client_secret_file).decode().strip()
    except FileFault as fault:
        raise FileFault(f"oidc.client_secret_file: {fault}") from fault

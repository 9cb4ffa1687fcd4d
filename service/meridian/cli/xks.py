"""`meridian xks`: which keys of a Region another KMS may use as its external keys.

Each word is durable and audited in this Region before the command ends; a serving Region acts on it within a second.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from meridian.cli.exit_codes import SETUP
from meridian.cli.forms import FORMS, WRITERS
from meridian.cli.one_region import CONFIG, run_or_exit, settings_or_exit
from meridian.cli.tables import print_table
from meridian.cli.terminal import say
from meridian.cli.words import Word

if TYPE_CHECKING:
    from meridian.domain.xks import Export
    from meridian.engine.seals import Seal
    from meridian.ports.entropy import Entropy
    from meridian.ports.store.store import Store
    from meridian.settings import Settings

T = TypeVar("T")

EXPORT_COLUMNS = ("id", "prefix", "account", "key_id", "uses", "created_at")
CREDENTIAL_COLUMNS = ("access_key_id", "prefix", "created_at")
USES = ("encrypt", "decrypt", "nothing")
ALLOWED = "What the other KMS may do; give it twice for both. With nothing, it may ask for the metadata alone."


@click.group()
def xks() -> None:
    """Serve keys to another KMS (XKS)."""


@xks.command()
@click.argument("key_arn", metavar="KEY_ARN")
@click.option("--prefix", required=True, metavar="/PATH", help="Path of the key store; its API is below /PATH/kms/xks/v1.")
@click.option("--allow", multiple=True, type=Word(USES), required=True, help=ALLOWED)
@click.option("--id", "export_id", default="", metavar="ID", help="The external key id; one is drawn where none is given.")
@click.option("--new-credential", is_flag=True, help="Make another credential for a key store that has one.")
@CONFIG
def export(key_arn: str, prefix: str, allow: tuple[str, ...], export_id: str, new_credential: bool, config: Path) -> None:
    """Let another KMS use a symmetric key of this Region, and print what it must be told.

    The secret access key is printed this once and can never be shown again. Nothing is served until a policy allows it: one that does is
    printed beside.
    """
    from meridian.administration.exports import WantedExport, make_export
    from meridian.domain.xks import API_PATH, ExternalUse

    settings = settings_or_exit(config)
    uses = tuple(use for use in ExternalUse if use.value.lower() in allow)
    made = _administer(settings, partial(make_export, WantedExport(key_arn, prefix, export_id, uses, new_credential)))
    told: dict[str, Any] = {"XksKeyId": made.export.export_id, "XksProxyUriPath": f"{prefix}{API_PATH}"}
    if made.credential is not None:
        told["XksProxyAuthenticationCredential"] = {"AccessKeyId": made.credential.access_key_id, "RawSecretAccessKey": made.secret}
    say(json.dumps(told, indent=2))
    say(f"a policy that allows it:\n\n{_policy(made.export, settings)}", err=True)
    if settings.xks is None:
        say("the settings have no table [xks]: nothing is served to another KMS yet", err=True)


@xks.command("list")
@CONFIG
@click.option("--output", "-o", type=Word(FORMS), default="table", show_default=True)
def list_exports(config: Path, output: str) -> None:
    """List what is exported, and the credentials that open it, without their secrets."""
    from meridian.administration.exports import list_exported

    found = _administer(settings_or_exit(config), list_exported)
    exports = [
        (each.export_id, each.prefix, each.account, each.key_id, ",".join(each.uses), each.created_at.isoformat()) for each in found.exports
    ]
    credentials = [(each.access_key_id, each.prefix, each.created_at.isoformat()) for each in found.credentials]
    if output in WRITERS:
        rows = {
            "exports": [dict(zip(EXPORT_COLUMNS, row, strict=True)) for row in exports],
            "credentials": [dict(zip(CREDENTIAL_COLUMNS, row, strict=True)) for row in credentials],
        }
        say(WRITERS[output](rows))
        return
    print_table(EXPORT_COLUMNS, [list(row) for row in exports])
    print_table(CREDENTIAL_COLUMNS, [list(row) for row in credentials])


@xks.command()
@click.argument("name", metavar="ID")
@CONFIG
def revoke(name: str, config: Path) -> None:
    """End the export or the credential with this ID.

    What the other KMS has encrypted stays as it is: exported again under the same id, the same key opens it.
    """
    from meridian.administration.exports import revoke as end

    say(_administer(settings_or_exit(config), partial(end, name)))


def _administer(settings: Settings, work: Callable[[Store, Sequence[Seal], Entropy], Awaitable[T]]) -> T:
    from meridian.administration.database import administer

    return run_or_exit(administer(settings, work), "nothing has changed", SETUP)


def _policy(made: Export, settings: Settings) -> str:
    return (
        f'@id("account.{made.account}.xks.{made.export_id}")\n@layer("account")\n@reason("another KMS uses this key as its external key")\n'
        f'permit (\n  principal == KMS::Service::"{made.account}/{made.principal_name}",\n'
        f'  action in KMS::Action::"ServeExternalKey",\n'
        f'  resource == KMS::Key::"{made.account}/{settings.region}/{made.key_id}"\n);'
    )

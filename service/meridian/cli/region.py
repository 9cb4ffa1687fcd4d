"""`meridian region`: what an operator does to one Region, and says about the others in it.

Each word is durable and audited in this Region before the command ends; a serving Region acts on it within a second.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from meridian.cli.exit_codes import OTHER, SETUP
from meridian.cli.numbers import FiniteRange
from meridian.cli.one_region import CONFIG, run_or_exit, settings_or_exit
from meridian.cli.region_doctor import doctor
from meridian.cli.terminal import say
from meridian.contract.call_times import SECONDS_MAX
from meridian.domain.fault_places import file_fault
from meridian.domain.multi_region import OperatorWord
from meridian.ports.entropy import Entropy
from meridian.ports.store.store import Store

LOOK_SECONDS = 0.25
WAIT = click.option(
    "--wait",
    type=FiniteRange(0, SECONDS_MAX),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the Region to do it.",
)


@click.group()
def region() -> None:
    """Administer a Region."""


region.add_command(doctor)


@region.command()
@CONFIG
@click.option(
    "--sample", is_flag=True, help="Write settings with comments under --config, and principals, policies and a seal beside them."
)
def init(config: Path, sample: bool) -> None:
    """Make a Region's database and keyring, and print the fingerprint that its peers must be given."""
    from meridian.administration.database import initialise

    if sample:
        _write_sample(config)
        return
    say(run_or_exit(initialise(settings_or_exit(config)), "cannot initialise", SETUP))


def _write_sample(config: Path) -> None:
    from meridian.cli.sample import SampleError, write_sample

    try:
        made = write_sample(config)
    except (SampleError, OSError) as fault:
        why = file_fault(fault) if isinstance(fault, OSError) else str(fault)
        say(f"nothing was written: {why}", err=True)
        sys.exit(SETUP)
    for path in made:
        say(str(path))
    say(
        f"next: certificates, where there are none yet (docs/operate.md); then meridian region init --config {config}",
        err=True,
    )


@region.command("rotate-kek")
@CONFIG
def rotate_key_encryption_key(config: Path) -> None:
    """Make a new key-encryption key. The Region goes on serving; its rows move to the new key in the background."""
    from meridian.administration.keyring import rotate_kek

    _turn(config, rotate_kek, "key-encryption key")


@region.command("rotate-root")
@CONFIG
def rotate_root_key(config: Path) -> None:
    """Make a new root key under exactly the seals of the settings, one of which must open the present one.

    To add a seal, name it beside the present one and run this; to drop one, leave it out and run this again.
    """
    from meridian.administration.keyring import rotate_root

    _turn(config, rotate_root, "root key")


@region.command("rotate-audit-key")
@CONFIG
def rotate_audit_key(config: Path) -> None:
    """Make a new audit key, signed by the old one. The Region signs with it within five seconds; the old private half is destroyed."""
    from meridian.administration.keyring import rotate_audit_key as rotate

    _turn(config, rotate, "audit key")


@region.command("audit-keys")
@CONFIG
def audit_keys(config: Path) -> None:
    """Print the public halves of the Region's audit keys, to be kept where nobody who can change the log can change them."""
    from meridian.administration.audit_evidence import read_audit_keys

    keys = run_or_exit(read_audit_keys(settings_or_exit(config)), "there are no audit keys", SETUP)
    say(keys.to_json().decode(), nl=False)


def _turn(config: Path, turn: Any, name: str) -> None:
    from meridian.administration.database import administer

    number = run_or_exit(administer(settings_or_exit(config), turn), f"{name} is unchanged", SETUP)
    say(f"{name} {number} is in use")


@region.command()
@click.argument("lost_region", metavar="REGION")
@click.option("--successor", required=True, metavar="REGION", help="The Region that goes on in its place, and in that of every lost one.")
@CONFIG
def lost(lost_region: str, successor: str, config: Path) -> None:
    """Give REGION up: from now on this Region refuses what it says, and follows no new primary but the successor.

    Say it in every Region that stays, the successor too, with the same successor; then run `takeover` in the successor.
    """
    from meridian.administration.other_regions import declaring_lost

    settings = settings_or_exit(config)
    if successor not in {settings.region, *(peer.region for peer in settings.peers)} - {lost_region}:
        raise click.BadParameter(f"{successor} is not a Region that stays", param_hint="--successor")
    sets = _say(config, declaring_lost(successor), lost_region)
    say(f"{lost_region} is declared lost; {successor} succeeds it; {sets} sets know it")


@region.command()
@click.argument("found_region", metavar="REGION")
@CONFIG
def found(found_region: str, config: Path) -> None:
    """Take back what was said about REGION and is not done: that it is lost, taken over, detached or taken back, or that this Region waits
    to rejoin it.

    It is heard again under whatever incarnation its database has, also one that this Region took for an earlier one: make sure first
    that no older copy of it runs.
    """
    from meridian.administration.other_regions import withdraw_lost

    sets = _say(config, withdraw_lost, found_region)
    waited = f"{sets} sets that nobody has taken over go on as before" if sets else "no set waited to be taken over"
    back = f"those that were come back by `region rejoin` there, then `region take-back {found_region}` in their new primary's Region"
    say(f"{found_region} is heard again, and nothing is asked about it; {waited}; {back}")


@region.command()
@click.argument("lost_region", metavar="REGION")
@CONFIG
@WAIT
def takeover(lost_region: str, config: Path, wait: float) -> None:
    """Make this Region primary of every set whose primary was in REGION.

    Every other Region must be declared lost or answer, with the same declaration and successor. A set that cannot be taken over yet
    is tried again until it can; exit code 1 says that some are left.
    """
    _say_and_wait(config, OperatorWord.TAKE_OVER, lost_region, wait)


@region.command()
@click.argument("member_region", metavar="REGION")
@CONFIG
@WAIT
def detach(member_region: str, config: Path, wait: float) -> None:
    """Let the sets whose primary is here go on without waiting for their members in REGION."""
    _say_and_wait(config, OperatorWord.DETACH, member_region, wait)


@region.command("take-back")
@click.argument("member_region", metavar="REGION")
@CONFIG
@WAIT
def take_back(member_region: str, config: Path, wait: float) -> None:
    """Count detached members in REGION again, with the material that only they have."""
    _say_and_wait(config, OperatorWord.TAKE_BACK, member_region, wait)


@region.command()
@click.argument("successor", metavar="REGION")
@CONFIG
def rejoin(successor: str, config: Path) -> None:
    """Let this Region, which others went on without, join the sets again under the primary in REGION, whose word counts from now on.

    It also ends the wait of a restored Region that no other can lead to the present state. Then run `take-back` there. This Region's
    own changes to these sets since the cut are given up; its key material is not.
    """
    from meridian.administration.other_regions import rejoin as let_rejoin

    sets = _say(config, let_rejoin, successor)
    say(f"{sets} sets wait for {successor} to take this Region back")


@region.command()
@CONFIG
@click.option("--accept-loss", is_flag=True, help="Go on although the audit log tells of changes that the database does not have.")
def restored(config: Path, accept_loss: bool) -> None:
    """Say that this Region's database comes from a backup. Run it before the Region serves; `meridian restore` has said it already.

    Its multi-Region keys serve what they have; none acts as primary until every other Region has answered.
    """
    from meridian.administration.backups import say_restored

    number = run_or_exit(say_restored(settings_or_exit(config), accept_loss=accept_loss), "nothing has changed", SETUP)
    say(f"incarnation {number}; multi-Region keys reconcile when the Region serves")


def _say(config: Path, word: Callable[[Store, Entropy, str], Awaitable[int]], about: str) -> int:
    from meridian.administration.other_regions import say_word

    settings = settings_or_exit(config)
    if about and about not in {peer.region for peer in settings.peers}:
        raise click.BadParameter(f"{about} is not a configured Region", param_hint="REGION")
    return run_or_exit(say_word(settings, word, about), "nothing has changed", SETUP)


def _say_and_wait(config: Path, word: OperatorWord, about: str, wait: float) -> None:
    from meridian.administration import other_regions

    _say(config, other_regions.asking(word), about)
    for _ in range(max(1, round(wait / LOOK_SECONDS))):
        if not _say(config, other_regions.is_still_said(word), about):
            say("done for every set")
            return
        time.sleep(LOOK_SECONDS)
    say("not done for every set yet; the Region goes on trying, its log says why", err=True)
    sys.exit(OTHER)

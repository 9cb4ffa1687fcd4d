"""The policies of a development deployment: the default ones, and one file for each account that they do not speak of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from meridian.authorization.sets.packaged import policy_folder
from meridian.cli.private_files import write_private

MODEL_ACCOUNT: Final = "111122223333"
"""The account whose default policies are the model of the others'."""
GROUPS: Final = ("key-administrators", "key-users", "auditors", "developers")
"""Of the default policies; who is in none of them is free in an account that was not foreseen."""

BEGIN: Final = "// Made by `meridian dev` for an account of its principals; change it as you like.\n"
WHOEVER: Final = """
// A principal that is in none of the groups above does everything in its account.
@id("account.{account}.whoever")
@layer("account")
@reason("principals without a group may do everything in their account")
permit (
  principal,
  action in KMS::Action::"Any",
  resource in KMS::Account::"{account}"
)
when {{ principal.account == "{account}" }}
unless
{{
  {groups}
}};
"""


def write_default_policies(folder: Path) -> None:
    """The default policies, where the folder is not there."""
    if not folder.exists():
        for path in sorted((policy_folder() / "policies").glob("*.cedar")):
            write_private(folder / path.name, path.read_bytes())


def write_account_policies(folder: Path, accounts: Iterable[str]) -> None:
    """A file for each account that no policy file of the folder names. Raises: OSError."""
    texts = [path.read_text(errors="replace") for path in folder.glob("*.cedar")]
    for account in accounts:
        if not any(account in text for text in texts):
            write_private(folder / f"account-{account}.cedar", _policy_of(account).encode())


def _policy_of(account: str) -> str:
    model = (policy_folder() / "policies" / f"account-{MODEL_ACCOUNT}.cedar").read_text().replace(MODEL_ACCOUNT, account)
    groups = " ||\n  ".join(f'principal in KMS::Group::"{account}/{group}"' for group in GROUPS)
    return BEGIN + model + WHOEVER.format(account=account, groups=groups)

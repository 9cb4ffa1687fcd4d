"""Write docs/condition-keys.md from the table of condition keys and the policy tests, and the tables of refusals of docs/policy-guide.md
from the table of refusals, or with --check fail where they differ."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from meridian.authorization.aws_policy.condition_keys import GLOBAL_KEYS, KMS_KEYS, ConditionKey
from meridian.authorization.aws_policy.conditions import NEVER, presence_of
from meridian.authorization.language.schema_model import SchemaModel
from meridian.authorization.sets.packaged import policy_folder, schema_text
from meridian.policy_kit.refusal_tables import refusal_tables
from meridian.policy_kit.suites import Suite, load_suites

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "condition-keys.md"
GUIDE = ROOT / "docs" / "policy-guide.md"
REFUSED = re.compile(r"(?<=^### What is refused\n)(.*?)(?=^#)", re.MULTILINE | re.DOTALL)
"""The section of the guide that is written here."""
HEAD = """# Condition keys

Each condition key of AWS with its Cedar form. {converted} of the {count} `kms:` keys can be asked for; the other {refused} are refused by
name where a key policy of AWS has them. The numbers count the policy tests in which the key alone lets a request
pass, and in which it stops one (`policy/tests/condition-keys.yaml`, cases "KEY allows" and "KEY denies"); a key without both fails the
build.

What the caller is stands in `principal`, what the key is in `resource`, what the request says in `context`, what connection and clock say
in `context.request`. An attribute that a request does not have is absent, never empty: ask `context has x` first, `hasTag` before
`getTag`. How documents of AWS are converted is told in the [policy guide](policy-guide.md).
"""
COLUMNS = "| key | Cedar | type | actions | allows | denies |\n|---|---|---|---|---|---|"
EVERY_ACTION_FROM = 30
"""A key that so many actions carry is about the key, the caller or the connection."""


def shown_name(key: ConditionKey) -> str:
    return f"{key.name}*k*" if key.name[-1] in ":/" else key.name


def case_name(key: ConditionKey) -> str:
    """What cases about the key begin with."""
    return key.name.strip(":/")


def carriers(key: ConditionKey, model: SchemaModel) -> list[str]:
    """The actions on keys whose requests can carry the key."""
    on_keys = [row.name for row in model.actions.values() if "Key" in row.resources.split(", ") and row.name != "SynchronizeMultiRegionKey"]
    return [action for action in on_keys if presence_of(key, action, model) != NEVER]


def cells(suites: tuple[Suite, ...], key: ConditionKey, word: str) -> list[str]:
    """The actions of the cells that show the key to allow or to deny."""
    return [case.request.action for suite in suites for case in suite.cases if case.name == f"{case_name(key)} {word}"]


def page(model: SchemaModel, suites: tuple[Suite, ...]) -> str:
    converted = sum(1 for key in KMS_KEYS if not key.refused)
    parts = [HEAD.format(count=len(KMS_KEYS), converted=converted, refused=len(KMS_KEYS) - converted)]
    for title, keys in (("kms:", KMS_KEYS), ("aws:", GLOBAL_KEYS)):
        parts += [f"## {title}\n", COLUMNS]
        parts += [_line(key, model, suites) for key in keys if not key.refused]
        parts += ["", "| refused | why |\n|---|---|", *(f"| {shown_name(key)} | {key.refused} |" for key in keys if key.refused), ""]
    return "\n".join(parts)


def _line(key: ConditionKey, model: SchemaModel, suites: tuple[Suite, ...]) -> str:
    actions = carriers(key, model)
    shown = "every action on a key" if len(actions) > EVERY_ACTION_FROM else ", ".join(actions)
    counts = " | ".join(str(len(cells(suites, key, word))) for word in ("allows", "denies"))
    return f"| {shown_name(key)} | `{key.cedar}` | {key.kind} | {shown} | {counts} |"


def guide() -> str:
    """The guide with its tables of refusals as they should be."""
    return REFUSED.sub(lambda _: f"\n{refusal_tables()}\n", GUIDE.read_text(), count=1)


def main() -> int:
    model = SchemaModel(schema_text())
    wanted = {PAGE: page(model, load_suites(policy_folder() / "tests", model)), GUIDE: guide()}
    if "--check" in sys.argv:
        other = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
        for path in other:
            print(f"{path.relative_to(ROOT)} differs from the tables and the tests: run `make condition-keys`")
        return 1 if other else 0
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Every attribute that the policy schema promises is there when a call is decided: for each action a policy reads all of them.

An attribute that the service forgot, or gave another type, makes the decision an error and the call an internal fault.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conformance.good_requests import Things
from tests.deployment import Deployment

from meridian.authorization.aws_policy.actions import OWN_ONLY
from meridian.authorization.language.schema_model import ActionRow, SchemaModel
from meridian.authorization.sets.packaged import schema_text
from meridian.client.errors import KmsServiceError
from meridian.contract.catalog import rpcs

ENDS_ITS_KEY = ("ScheduleKeyDeletion", "DisableKey")
"""Called last."""
NEVER = {
    "String": '{} == "impossible"',
    "Bool": "({0} && !{0})",
    "Long": "{} == -1",
    "Set<String>": '{}.contains("impossible")',
    "datetime": '{} == datetime("1970-01-01")',
    "ipaddr": '{} == ip("203.0.113.77")',
    "EncryptionContext": '{}.hasTag("impossible")',
    "RequestTags": '{}.hasTag("impossible")',
    "AnyCase": '{}.hasTag("impossible")',
    "Attestation": '{}.hasTag("impossible")',
}
"""Type of an attribute → a condition that reads it and never holds."""


def reading_everything(row: ActionRow, model: SchemaModel) -> str:
    attributes = [("context", name, kind) for name, kind in row.context if name != "request"]
    attributes += [("context.request", name, kind) for name, kind in model.types["Request"].items()]
    tests = []
    for owner, name, kind in attributes:
        path = f"{owner}.{name.rstrip('?')}"
        guard = f"{owner} has {name.rstrip('?')} && " if name.endswith("?") else ""
        tests.append(f"({guard}{NEVER[kind].format(path)})")
    return (
        f'@id("reads.{row.name}") @layer("guardrail") @reason("reads everything") '
        f'forbid (principal, action == KMS::Action::"{row.name}", resource) when {{ {" || ".join(tests)} }};\n'
    )


@pytest.mark.timeout(180)
def test_every_promised_attribute_is_there_for_every_operation(own_regions: Deployment, tmp_path: Path) -> None:
    model = SchemaModel(schema_text())
    # What another KMS asks comes over a listener of its own: tests/contract/test_xks_proxy.py.
    elsewhere = {"SynchronizeMultiRegionKey", *(row.name for row in model.actions.values() if "ServeExternalKey" in row.groups)}
    rows = [row for row in model.actions.values() if row.resources and row.name not in elsewhere]
    (own_regions.root / "policies" / "reads.cedar").write_text("".join(reading_everything(row, model) for row in rows))
    own_regions.start()
    things, answers = Things(own_regions, tmp_path), {}
    for name, rpc in sorted(rpcs().items(), key=lambda item: item[0] in ENDS_ITS_KEY):
        things.__dict__.pop("grant", None)  # one of its own for each call that ends one
        try:
            things.client.call(rpc, rpc.request_class(**things.good(name)), timeout=20)
        except KmsServiceError as error:
            answers[name] = error.code
    assert set(answers.values()) <= {"KMSInvalidStateException", "UnsupportedOperationException", "CustomKeyStoreInvalidStateException"}
    asked = {made["action"] for record in own_regions.audit(things.region) for made in record["meridian"].get("decisions") or ()}
    assert asked == {row.name for row in rows} - OWN_ONLY

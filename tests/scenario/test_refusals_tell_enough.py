"""What a refusal tells: the action, the resource as the caller named it, the request id; the rest is in the audit record."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from tests.deployment import HOME, Deployment

from meridian.cli.main import main
from meridian.client import errors


@pytest.fixture
def arn(two_regions: Deployment) -> str:
    with two_regions.client(HOME, "developer") as developer:
        made = str(developer.create_key().key_metadata.arn)
        if not [alias for alias in developer.list_aliases().aliases if alias.alias_name == "alias/refused"]:
            developer.create_alias(alias_name="alias/refused", target_key_id=made)
        return made


@pytest.mark.parametrize("named", ["alias/refused", "ARN"])
def test_the_caller_learns_no_policy_and_no_key_behind_an_alias(two_regions: Deployment, arn: str, named: str) -> None:
    shown = arn if named == "ARN" else named
    with two_regions.client() as alice, pytest.raises(errors.AccessDeniedException) as caught:
        alice.encrypt(key_id=shown, plaintext=b"x")
    assert f"kms:Encrypt on resource: {shown} with an explicit deny in an identity-based policy" in caught.value.message
    assert "guardrail" not in caught.value.message
    assert named == "ARN" or "key/" not in caught.value.message
    record = next(r for r in two_regions.audit(HOME) if r.get("requestID") == caught.value.request_id)
    assert record["meridian"]["decisions"][0]["policyIds"] == ["guardrail.administrators-do-not-use-keys"]


FORBIDS = 'forbid (principal, action == KMS::Action::"Encrypt", resource);'
OTHERS = 'permit (principal == KMS::User::"111122223333/developer", action, resource);'
SIDES = {
    "the key forbids": (FORBIDS, True, "with an explicit deny in a resource-based policy"),
    "the key allows others alone": (OTHERS, False, "because no resource-based policy allows the kms:Encrypt action"),
    "the account allows nothing": ("", True, "because no identity-based policy allows the kms:Encrypt action"),
}


@pytest.mark.parametrize("side", SIDES)
def test_a_caller_of_the_keys_own_account_learns_which_side_refused(two_regions: Deployment, side: str) -> None:
    policy, delegation, told = SIDES[side]
    with two_regions.client(HOME, "developer") as developer:
        key = developer.create_key(policy=policy or None, account_delegation=delegation).key_metadata.arn
    with two_regions.client(HOME, "tenant-a") as tenant, pytest.raises(errors.AccessDeniedException) as caught:
        tenant.encrypt(key_id=key, plaintext=b"x", encryption_context={"tenant": "b"})
    assert caught.value.message.endswith(f"is not authorized to perform: kms:Encrypt on resource: {key} {told}")


def test_explain_tells_the_rest_from_the_request_id(two_regions: Deployment, arn: str) -> None:
    with two_regions.client(HOME, "tenant-a") as tenant, pytest.raises(errors.AccessDeniedException) as caught:
        tenant.encrypt(key_id=arn, plaintext=b"x", encryption_context={"tenant": "b"})
    log, policies = two_regions.place(HOME).folder / "audit", two_regions.root / "policies"
    arguments = ["policy", "explain", "--audit", str(log), "--event", caught.value.request_id, "--policies", str(policies)]
    (told,) = json.loads(CliRunner().invoke(main, [*arguments, "-o", "json"]).stdout)
    assert told["decision"]["allowed"] is False
    assert told["closest"][0]["policy_id"] == "account.111122223333.tenants"
    assert told["closest"][0]["condition"] == 'context.encryptionContext.getTag("tenant") == principal.getTag("tenant")'
    assert CliRunner().invoke(main, [*arguments[:4], "--event", "no-such-id", "--policies", str(policies)]).exit_code == 5


def test_replay_finds_the_real_calls_that_another_set_would_answer_otherwise(two_regions: Deployment, arn: str) -> None:
    with two_regions.client(HOME, "app") as app:
        blob = app.encrypt(key_id=arn, plaintext=b"x").ciphertext_blob
        app.decrypt(ciphertext_blob=blob)
    candidate = two_regions.root / "candidate"
    candidate.mkdir(exist_ok=True)
    for path in (two_regions.root / "policies").glob("*.cedar"):
        (candidate / path.name).write_text(path.read_text())
    (candidate / "new.cedar").write_text(
        '@id("guardrail.new") @layer("guardrail") @reason("r") forbid (principal, action == KMS::Action::"Decrypt", resource);'
    )
    log = two_regions.place(HOME).folder / "audit"
    ran = CliRunner().invoke(main, ["policy", "replay", str(log), "--policies", str(candidate), "--exit-code", "-o", "json"])
    assert ran.exit_code == 1
    changes = [change for change in json.loads(ran.stdout)["changes"] if arn in change["label"]]
    assert [(c["kind"], c["old_ids"], c["new_ids"]) for c in changes] == [
        ("newly denied", ["account.111122223333.users"], ["guardrail.new"])
    ]

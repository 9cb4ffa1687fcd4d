"""Who is named by a grant: a principal of this partition, and nobody of another with the same account number."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meridian.domain.grant import Grant, is_grantee, is_retiring, require_own_partition, require_principal
from meridian.domain.principal import Principal
from meridian.errors import InvalidArnException

OWNER, OTHER = "111122223333", "444455556666"
AUDITOR = Principal("User", OTHER, "auditor", f"arn:aws:iam::{OTHER}:user/auditor")
NAMES = ("user/auditor", "role/app", "service/worker", "root", "federated-user/x")


def grant(principal: str) -> Grant:
    return Grant(
        grant_id="0" * 64,
        account=OWNER,
        key_id="1234abcd-12ab-34cd-56ef-1234567890ab",
        grantee_principal=principal,
        issuing_account=OWNER,
        operations=frozenset({"Decrypt"}),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        retiring_principal=principal,
    )


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("name", NAMES)
def test_a_principal_of_another_partition_is_none(partition: str, name: str) -> None:
    text = f"arn:{partition}:iam::{OTHER}:{name}"
    require_principal(text)
    with pytest.raises(InvalidArnException):
        require_own_partition(text, "aws")
    require_own_partition(text, partition)
    require_own_partition(OTHER, partition)


@pytest.mark.parametrize(
    ("principal", "is_meant"),
    [
        (f"arn:aws:iam::{OTHER}:root", True),
        (OTHER, True),
        (AUDITOR.arn, True),
        (f"arn:aws-cn:iam::{OTHER}:root", False),
        (f"arn:aws-cn:iam::{OTHER}:user/auditor", False),
    ],
)
def test_a_grant_that_names_another_partition_admits_nobody_here(principal: str, is_meant: bool) -> None:
    """Also one that is stored."""
    assert is_grantee(grant(principal), AUDITOR) is is_meant
    assert is_retiring(grant(principal), AUDITOR) is is_meant

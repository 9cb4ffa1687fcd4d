"""A secret is shown nowhere; a principal is named with its account."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from meridian.domain.principal import Principal
from meridian.domain.secret import Secret, SecretAccess


def test_a_principal_s_ids_begin_with_its_account() -> None:
    caller = Principal("User", "1" * 12, "a/b", f"arn:aws-cn:iam::{'1' * 12}:user/a/b", groups=("g", "h"))
    assert (caller.entity_id, caller.partition) == (f"{'1' * 12}/a/b", "aws-cn")
    assert caller.group_ids == (f"{'1' * 12}/g", f"{'1' * 12}/h")


def test_a_secret_is_read_with_its_permission_alone_and_shown_nowhere() -> None:
    secret = Secret(b"hidden")
    assert secret.reveal(SecretAccess()) == b"hidden"
    access: Any = object()
    with pytest.raises(TypeError, match="SecretAccess"):
        secret.reveal(access)
    assert "hidden" not in repr(secret) + str(secret)
    with pytest.raises(TypeError, match="constant-time"):
        _ = secret == Secret(b"hidden")
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError, match="unhashable"):
        hash(secret)

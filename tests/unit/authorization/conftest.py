"""What the authorization tests share: the schema, the default policies, callers and keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cache_memory import cache_memory

from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.language.entities import Surroundings
from meridian.authorization.language.evaluator import SchemaHandle, policies_as_json
from meridian.authorization.sets.packaged import policy_folder, schema_text
from meridian.authorization.sets.policy_files import load_policies
from meridian.domain.key import Key, KeySpec, KeyState, KeyUsage, Origin
from meridian.domain.limits import Limits
from meridian.domain.principal import Principal

REQUEST: dict[str, Any] = {
    "currentTime": "2026-01-01T00:00:00.000Z",
    "sourceIp": "127.0.0.1",
    "secureTransport": True,
    "requestedRegion": "us-east-1",
    "mfaPresent": False,
    "dryRun": False,
    "grants": [],
}


@pytest.fixture(scope="session")
def schema() -> SchemaHandle:
    return SchemaHandle(schema_text())


@pytest.fixture
def request_facts() -> dict[str, Any]:
    return dict(REQUEST)


@pytest.fixture
def alice() -> Principal:
    return Principal("User", "111122223333", "alice", "arn:aws:iam::111122223333:user/alice", ("g",))


@pytest.fixture
def key() -> Key:
    return Key(
        "aws",
        "us-east-1",
        "111122223333",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        KeySpec.SYMMETRIC_DEFAULT,
        KeyUsage.ENCRYPT_DECRYPT,
        Origin.AWS_KMS,
        KeyState.ENABLED,
        datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.fixture
def authorizer_of(tmp_path: Path, schema: SchemaHandle) -> Callable[[str], Authorizer]:
    """An authorizer with exactly these policies."""

    def make(text: str) -> Authorizer:
        (tmp_path / "p.cedar").write_text(text)
        source = load_policies(tmp_path, schema)
        return Authorizer(
            schema=schema,
            source=source,
            around=Surroundings(),
            limits=Limits(),
            as_json=policies_as_json,
            caches=cache_memory(),
        )

    return make


@pytest.fixture
def default_policies() -> Path:
    return policy_folder() / "policies"

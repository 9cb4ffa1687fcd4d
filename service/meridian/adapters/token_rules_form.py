"""What the tables of the principals file about tokens of identity providers may have, entry by entry.

Source: docs/identities.md.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

DEPTH_MAX: Final = 8
"""Of a claim within claims."""

Account = Annotated[str, Field(pattern=r"^[0-9]{12}$")]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Group = Annotated[str, Field(pattern=r"^[^/]+$", max_length=256)]
Claim = Annotated[str, Field(min_length=1, max_length=256)]


class Table(BaseModel):
    """Of the principals file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class IssuerTable(Table):
    """`[[issuers]]`."""

    issuer: Name
    audiences: list[Name] = Field(min_length=1, max_length=16)
    algorithms: list[str] = Field(min_length=1, max_length=8)
    key_set_url: str = ""
    key_set_file: str = ""
    ca_file: str = ""
    bearer_token_file: str = ""
    life_seconds_max: int = Field(3600, ge=60, le=86_400)
    pod_bound: bool = False
    review_url: str = ""
    review_seconds: int = Field(60, ge=10, le=600)


class GroupsTable(Table):
    """`groups_from` of a rule."""

    claim: Claim | Annotated[list[Claim], Field(min_length=1, max_length=DEPTH_MAX)]
    pattern: str


class RuleTable(Table):
    """`[[token_rules]]`."""

    issuer: Name
    claims: dict[str, Any] = Field(min_length=1)
    kind: Literal["User", "Role", "Service"]
    account: Account
    name: Name
    groups: list[Group] = Field(default_factory=list, max_length=64)
    groups_from: GroupsTable | None = None
    tags: dict[str, str] = Field(default_factory=dict, max_length=50)


class TrustTable(Table):
    """`[[roles.trusted]]`."""

    issuer: Name
    claims: dict[str, Any] = Field(min_length=1)


class RoleTable(Table):
    """`[[roles]]`."""

    account: Account
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=,.@-]{1,64}$")]
    groups: list[Group] = Field(default_factory=list, max_length=64)
    tags: dict[str, str] = Field(default_factory=dict, max_length=50)
    session_seconds_max: int = Field(3600, ge=900, le=43_200)
    trusted: list[TrustTable] = Field(min_length=1, max_length=32)

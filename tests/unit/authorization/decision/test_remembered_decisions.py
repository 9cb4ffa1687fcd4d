"""What ends a remembered decision: every change of what it was made of, at once and in both directions.

Each key goes through a real store, so that its versions are those that changes make. Questions to the engine are counted: a decision
that was remembered asks none.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.databases import migrated_sqlite

from meridian.adapters.store_sql.store import SqlStore
from meridian.authorization.decision.authorizer import Authorizer
from meridian.authorization.decision.facts import PlainFacts
from meridian.authorization.language.evaluator import Decision, evaluate
from meridian.domain.key import Key, KeyState, MultiRegionRole
from meridian.domain.policy_decision import PolicyDecision
from meridian.domain.principal import Principal
from meridian.ports.store.aliases import AliasRow
from meridian.ports.store.region import RegionIdentity

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PERMIT = '@id("p") @layer("account") @reason("r") permit (principal, action, resource in KMS::Account::"111122223333");\n'
GATE = (
    '@id("gate") @layer("builtin") @reason("r") permit (principal, action in KMS::Action::"Grantable", resource is KMS::Key) '
    "when { !context.request.grants.isEmpty() };"
)
EMPTY: dict[str, Any] = {
    "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
    "encryptionContext": {},
    "encryptionContextAnyCase": {},
    "encryptionContextKeys": [],
}

Edit = Callable[[Any, Key], Awaitable[Key]]


class Stored:
    """A key in a real store."""

    def __init__(self, store: SqlStore, runner: asyncio.Runner, key: Key) -> None:
        self._store = store
        self._run = runner.run
        self.key = self._run(self._insert(key))

    async def _insert(self, key: Key) -> Key:
        async with self._store.transaction() as uow:
            if await uow.region.identity() is None:
                await uow.region.initialise(RegionIdentity("d", "aws", key.region, 0, NOW))
            await uow.keys.insert(key)
        return await self._read(key)

    async def _read(self, key: Key) -> Key:
        async with self._store.reading() as uow:
            found = await uow.keys.find(key.account, key.key_id)
        assert found is not None
        return found

    def change(self, edit: Edit) -> Key:
        async def run() -> Key:
            async with self._store.transaction() as uow:
                await uow.keys.update(await edit(uow, self.key))
            return await self._read(self.key)

        self.key = self._run(run())
        return self.key

    def replace(self, key: Key) -> Key:
        """The key is deleted, and another is made under its id."""

        async def run() -> Key:
            async with self._store.transaction() as uow:
                await uow.keys.delete(self.key)
            return await self._insert(key)

        self.key = self._run(run())
        return self.key


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Callable[[Key], Stored]]:
    shutil.copy(migrated_sqlite(), tmp_path / "region.sqlite3")
    with asyncio.Runner() as runner:
        store = SqlStore.connect(f"sqlite:///{tmp_path}/region.sqlite3")
        yield lambda key: Stored(store, runner, key)
        runner.run(store.close())


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each question that the engine was asked."""
    asked: list[str] = []

    def counted(**question: Any) -> Decision:
        asked.append(question["action"])
        return evaluate(**question)

    monkeypatch.setattr("meridian.authorization.decision.question.evaluate", counted)
    return asked


@dataclass
class Asking:
    """One caller's question, put again and again to one authorizer."""

    authorizer: Authorizer
    questions: list[str]
    principal: Principal
    request: dict[str, Any]
    action: str = "Encrypt"
    attributes: dict[str, Any] = field(default_factory=lambda: dict(EMPTY))

    def allowed(self, key: Key) -> bool:
        made = self.authorizer.decide(self.principal, self.action, key, PlainFacts(self.attributes, self.request))
        assert made.errors == 0
        return made.allowed

    def is_remembered(self, key: Key) -> bool:
        """Whether the answer, once given, is given again without a question."""
        self.allowed(key)
        before = len(self.questions)
        self.allowed(key)
        return len(self.questions) == before


Ask = Callable[[str], Asking]


@pytest.fixture
def asking(
    authorizer_of: Callable[[str], Authorizer], questions: list[str], alice: Principal, request_facts: dict[str, Any]
) -> Callable[[str], Asking]:
    return lambda text: Asking(authorizer_of(text), questions, alice, request_facts)


def steered(condition: str, starts: str, action: str = "Encrypt") -> str:
    """A permit and a forbid; the condition turns an allow into a deny, or a deny into an allow."""
    kind = "when" if starts == "allowed" else "unless"
    head = f'@id("f") @layer("guardrail") @reason("r") forbid (principal, action == KMS::Action::"{action}", resource is KMS::Key)'
    return f"{PERMIT}{head} {kind} {{ {condition} }};"


both_ways = pytest.mark.parametrize("starts", ["allowed", "denied"])


# ---- the key changes


async def _tagged(_uow: Any, key: Key) -> Key:
    return replace(key, tags=(("t", ""),))


async def _with_alias(uow: Any, key: Key) -> Key:
    await uow.aliases.insert(AliasRow(key.account, "alias/a/b", key.key_id, NOW, NOW))
    return replace(key, aliases=("alias/a/b",))


async def _disabled(_uow: Any, key: Key) -> Key:
    return key.with_state(KeyState.DISABLED)


async def _moved(_uow: Any, key: Key) -> Key:
    return key.with_multi_region(MultiRegionRole("eu-west-1", ("us-east-1",)))


async def _spread(_uow: Any, key: Key) -> Key:
    return key.with_multi_region(MultiRegionRole("us-east-1", ("ap-south-1",)))


@both_ways
@pytest.mark.parametrize(
    ("edit", "condition"),
    [
        pytest.param(_tagged, 'resource.hasTag("t")', id="tag"),
        pytest.param(_with_alias, 'resource.resourceAliases.contains("alias/a/b")', id="alias"),
        pytest.param(_with_alias, 'resource in KMS::AliasPath::"111122223333/alias/a"', id="alias path"),
        pytest.param(_disabled, 'resource.keyState == "Disabled"', id="state"),
        pytest.param(_moved, 'resource has multiRegionKeyType && resource.multiRegionKeyType == "REPLICA"', id="role"),
        pytest.param(_moved, 'resource has primaryRegion && resource.primaryRegion == "eu-west-1"', id="primary Region"),
        pytest.param(_spread, 'resource.replicaRegions.contains("ap-south-1")', id="replica Regions"),
    ],
)
def test_a_change_of_the_key_counts_at_once(
    asking: Ask, stored: Callable[[Key], Stored], key: Key, starts: str, edit: Edit, condition: str
) -> None:
    multi = replace(key, key_id=f"mrk-{'1' * 32}", multi_region=MultiRegionRole("us-east-1"))
    held, ask = stored(multi), asking(steered(condition, starts))
    assert ask.is_remembered(held.key)
    assert ask.allowed(held.key) is (starts == "allowed")
    assert ask.allowed(held.change(edit)) is (starts != "allowed")
    assert ask.is_remembered(held.key)


@both_ways
def test_the_scope_of_a_policy_follows_an_alias_at_once(asking: Ask, stored: Callable[[Key], Stored], key: Key, starts: str) -> None:
    effect = "forbid" if starts == "allowed" else "permit"
    scope = f'{effect} (principal, action, resource in KMS::AliasPath::"111122223333/alias/a");'
    held, ask = stored(key), asking((PERMIT if starts == "allowed" else "") + f'@id("s") @layer("account") @reason("r") {scope}')
    assert ask.is_remembered(held.key)
    assert ask.allowed(held.key) is (starts == "allowed")
    assert ask.allowed(held.change(_with_alias)) is (starts != "allowed")


@both_ways
def test_a_change_of_the_key_policy_counts_at_once(asking: Ask, stored: Callable[[Key], Stored], key: Key, starts: str) -> None:
    permit, forbid = "permit (principal, action, resource);", "forbid (principal, action, resource);"
    before, after = (permit, forbid) if starts == "allowed" else (forbid, permit)
    held, ask = stored(replace(key, policy=before)), asking(GATE)

    async def put(_uow: Any, known: Key) -> Key:
        return known.with_policy(after, account_delegation=True)

    assert ask.is_remembered(held.key)
    assert ask.allowed(held.key) is (starts == "allowed")
    assert ask.allowed(held.change(put)) is (starts != "allowed")


@both_ways
def test_a_change_of_the_delegation_counts_at_once(asking: Ask, stored: Callable[[Key], Stored], key: Key, starts: str) -> None:
    held, ask = stored(replace(key, account_delegation=starts == "allowed")), asking(PERMIT)

    async def put(_uow: Any, known: Key) -> Key:
        return known.with_policy(known.policy, account_delegation=not known.account_delegation)

    assert ask.is_remembered(held.key)
    assert ask.allowed(held.key) is (starts == "allowed")
    assert ask.allowed(held.change(put)) is (starts != "allowed")


@both_ways
def test_a_replica_made_again_under_its_old_id_inherits_no_decision(
    asking: Ask, stored: Callable[[Key], Stored], key: Key, starts: str
) -> None:
    permit, forbid = "permit (principal, action, resource);", "forbid (principal, action, resource);"
    before, after = (permit, forbid) if starts == "allowed" else (forbid, permit)
    replica = replace(key, key_id=f"mrk-{'1' * 32}", multi_region=MultiRegionRole("eu-west-1"), policy=before)
    held, ask = stored(replica), asking(GATE)
    assert ask.is_remembered(held.key)
    assert ask.allowed(held.key) is (starts == "allowed")
    again = held.replace(replace(replica, policy=after, created_at=replica.created_at + timedelta(days=9)))
    assert again.version == replica.version, "versions are counted anew"
    assert ask.allowed(again) is (starts != "allowed")


# ---- the policies, the caller, the grants


@both_ways
def test_another_policy_set_knows_no_decision_of_the_one_before(asking: Ask, key: Key, starts: str) -> None:
    before, after = ("false", "true") if starts == "allowed" else ("true", "false")
    text = steered("false", "allowed").replace("false", "{}").replace("{ {} }", "{{ {} }}")
    ask = asking(text.format(before))
    assert ask.is_remembered(key)
    assert ask.allowed(key) is (starts == "allowed")
    assert asking(text.format(after)).allowed(key) is (starts != "allowed")


@both_ways
@pytest.mark.parametrize(
    ("change", "condition"),
    [
        pytest.param({"groups": ("g", "h")}, 'principal in KMS::Group::"111122223333/h"', id="group joined"),
        pytest.param({"groups": ()}, '!(principal in KMS::Group::"111122223333/g")', id="group left"),
        pytest.param({"tags": (("t", "x"),)}, 'principal.hasTag("t")', id="tag"),
        pytest.param({"arn": "arn:aws:iam::111122223333:user/al"}, 'principal.arn like "*/al"', id="arn"),
    ],
)
def test_a_change_of_the_caller_counts_at_once(asking: Ask, key: Key, starts: str, change: dict[str, Any], condition: str) -> None:
    ask = asking(steered(condition, starts))
    assert ask.is_remembered(key)
    assert ask.allowed(key) is (starts == "allowed")
    ask.principal = replace(ask.principal, **change)
    assert ask.allowed(key) is (starts != "allowed")


def test_a_grant_counts_at_once_and_so_does_its_end(asking: Ask, key: Key) -> None:
    ask = asking(GATE)
    assert ask.is_remembered(key)
    assert not ask.allowed(key)
    ask.request["grants"] = ["1" * 64]
    assert ask.allowed(key)
    assert ask.is_remembered(key)
    ask.request["grants"] = []
    assert not ask.allowed(key)


@both_ways
def test_one_grant_is_not_another(asking: Ask, key: Key, starts: str) -> None:
    ask = asking(steered(f'context.request.grants.contains("{"2" * 64}")', starts))
    ask.request["grants"] = ["1" * 64]
    assert ask.is_remembered(key)
    assert ask.allowed(key) is (starts == "allowed")
    ask.request["grants"] = ["2" * 64]
    assert ask.allowed(key) is (starts != "allowed")


# ---- the encryption context and the rest of the request

TAGGED = 'context.encryptionContext.hasTag("t")'
WHOLE = "context.encryptionContext.hasTag(principal.account)"
"""Reads no literal tag, so that the whole encryption context counts."""


@both_ways
@pytest.mark.parametrize("form", ["record", "entity"])
@pytest.mark.parametrize(
    ("before", "after", "condition"),
    [
        pytest.param({"t": "a"}, {"t": "b"}, f'{TAGGED} && context.encryptionContext.getTag("t") == "b"', id="value"),
        pytest.param({}, {"t": ""}, TAGGED, id="absent, then empty"),
        pytest.param({"t": ""}, {}, f"!{TAGGED}", id="empty, then absent"),
        pytest.param({"u": "t"}, {"t": "t"}, TAGGED, id="name"),
    ],
)
def test_a_change_of_the_encryption_context_counts_at_once(
    asking: Ask, key: Key, starts: str, form: str, before: dict[str, str], after: dict[str, str], condition: str
) -> None:
    # The second part of the condition is never true.
    ask = asking(steered(condition if form == "record" else f"{condition} || {WHOLE}", starts))
    ask.attributes["encryptionContext"] = before
    assert ask.is_remembered(key)
    assert ask.allowed(key) is (starts == "allowed")
    ask.attributes["encryptionContext"] = after
    assert ask.allowed(key) is (starts != "allowed")
    ask.attributes["encryptionContext"] = before
    assert ask.allowed(key) is (starts == "allowed")


def test_a_part_of_the_encryption_context_that_no_policy_reads_asks_nothing_anew(asking: Ask, key: Key) -> None:
    ask = asking(steered(TAGGED, "allowed"))
    assert ask.is_remembered(key)
    before = len(ask.questions)
    ask.attributes["encryptionContext"] = {"unread": "1"}
    assert ask.allowed(key)
    assert len(ask.questions) == before


def test_decisions_that_come_out_alike_are_one_value_and_others_are_not(asking: Ask, key: Key) -> None:
    """A record finds by its identity what is kept of a decision, so a new question would cost it as much again."""
    unequal = 'context.encryptionContext.getTag("t") != context.encryptionContext.getTag("u")'
    ask = asking(steered(f'{TAGGED} && context.encryptionContext.hasTag("u") && {unequal}', "allowed"))

    def made(context: dict[str, str]) -> PolicyDecision:
        return ask.authorizer.decide(ask.principal, "Encrypt", key, PlainFacts({**EMPTY, "encryptionContext": context}, ask.request))

    alike, refused = [made({"t": text, "u": text}) for text in "abc"], [made({"t": text, "u": "-"}) for text in "abc"]
    assert len(ask.questions) == 6
    assert [each.allowed for each in (*alike, *refused)] == [True] * 3 + [False] * 3
    assert all(each is alike[0] for each in alike)
    assert all(each is refused[0] for each in refused)


@pytest.mark.parametrize("read", ["context.encryptionContext has t", "context has encryptionContext.t"])
def test_a_pair_of_the_encryption_context_is_no_attribute_whatever_other_policies_read(asking: Ask, key: Key, read: str) -> None:
    reader = steered(f'{TAGGED} && context.encryptionContext.getTag("t") == "b"', "allowed").removeprefix(PERMIT).replace('"f"', '"g"')
    for text in (steered(read, "denied"), steered(read, "denied") + reader):
        ask = asking(text)
        ask.attributes["encryptionContext"] = {"t": "a"}
        assert not ask.allowed(key)


FITS = f'{TAGGED} && context.encryptionContext.getTag("t") like "s3://*" && context has encryptionContext'


def test_texts_that_no_policy_tells_apart_are_one_decision_and_others_are_not(asking: Ask, key: Key) -> None:
    ask = asking(steered(FITS, "denied"))
    ask.attributes["encryptionContext"] = {"t": "s3://bucket/1"}
    assert ask.allowed(key)
    before = len(ask.questions)
    ask.attributes["encryptionContext"] = {"t": "s3://bucket/2", "u": "new"}
    assert ask.allowed(key)
    assert len(ask.questions) == before
    for other in ({"t": "S3://bucket/1"}, {"t": ""}, {}):
        ask.attributes["encryptionContext"] = other
        assert not ask.allowed(key)


@both_ways
@pytest.mark.parametrize(
    ("change", "condition"),
    [
        pytest.param({"sourceIp": "10.0.0.1"}, 'context.request.sourceIp.isInRange(ip("10.0.0.0/8"))', id="address"),
        pytest.param({"mfaPresent": True}, "context.request.mfaPresent", id="second factor"),
        pytest.param({"sessionName": ""}, "context.request has sessionName", id="absent, then empty"),
        pytest.param({"viaService": "s"}, 'context.request has viaService && context.request.viaService == "s"', id="service"),
    ],
)
def test_a_change_of_the_connection_counts_at_once(asking: Ask, key: Key, starts: str, change: dict[str, Any], condition: str) -> None:
    ask = asking(steered(condition, starts))
    assert ask.is_remembered(key)
    assert ask.allowed(key) is (starts == "allowed")
    ask.request.update(change)
    assert ask.allowed(key) is (starts != "allowed")


# ---- what is never remembered


def _is_never_remembered(ask: Asking, key: Key, starts: str) -> bool:
    assert ask.allowed(key) is (starts == "allowed")
    return not ask.is_remembered(key)


@both_ways
def test_what_reads_the_clock_is_never_remembered(asking: Ask, key: Key, starts: str) -> None:
    ask = asking(steered('context.request.currentTime > datetime("2026-06-01")', starts))
    assert _is_never_remembered(ask, key, starts)
    ask.request["currentTime"] = "2026-07-01T00:00:00.000Z"
    assert ask.allowed(key) is (starts != "allowed")


@both_ways
def test_what_reads_the_age_of_the_second_factor_is_never_remembered(asking: Ask, key: Key, starts: str) -> None:
    ask = asking(steered("context.request has mfaAgeSeconds && context.request.mfaAgeSeconds > 60", starts))
    ask.request["mfaAgeSeconds"] = 60
    assert _is_never_remembered(ask, key, starts)
    ask.request["mfaAgeSeconds"] = 61
    assert ask.allowed(key) is (starts != "allowed")


@both_ways
def test_what_reads_the_time_of_the_token_is_never_remembered(asking: Ask, key: Key, starts: str) -> None:
    condition = 'context.request has tokenIssueTime && context.request.tokenIssueTime > datetime("2026-06-01")'
    ask = asking(steered(condition, starts))
    ask.request["tokenIssueTime"] = "2026-01-01T00:00:00.000Z"
    assert _is_never_remembered(ask, key, starts)
    ask.request["tokenIssueTime"] = "2026-07-01T00:00:00.000Z"
    assert ask.allowed(key) is (starts != "allowed")


@both_ways
def test_what_reads_the_days_without_use_is_never_remembered(asking: Ask, key: Key, starts: str) -> None:
    condition = "context has trailingDaysWithoutKeyUsage && context.trailingDaysWithoutKeyUsage > 90"
    ask = asking(steered(condition, starts, action="DisableKey"))
    ask.action, ask.attributes = "DisableKey", {"trailingDaysWithoutKeyUsage": 90}
    assert _is_never_remembered(ask, key, starts)
    ask.attributes["trailingDaysWithoutKeyUsage"] = 91
    assert ask.allowed(key) is (starts != "allowed")


@both_ways
@pytest.mark.parametrize("whole", ["context.request == context.request", "context == context"])
def test_what_takes_the_request_as_a_whole_reads_the_clock_too(asking: Ask, key: Key, starts: str, whole: str) -> None:
    ask = asking(steered(f"!({whole})", starts))
    assert _is_never_remembered(ask, key, starts)


def test_a_decision_that_could_not_be_made_is_asked_again(asking: Ask, key: Key) -> None:
    ask = asking(steered('context.encryptionContext.hasTag("n") && 9223372036854775807 + 1 > 0', "allowed"))
    ask.attributes["encryptionContext"] = {"n": ""}
    facts = PlainFacts(ask.attributes, ask.request)
    made = [ask.authorizer.decide(ask.principal, "Encrypt", key, facts) for _ in range(2)]
    assert [(m.allowed, m.errors) for m in made] == [(False, 1), (False, 1)]
    assert len(ask.questions) == 2

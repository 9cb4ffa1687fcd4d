"""Many calls in one message, on real processes: each item is the single call that it holds, and all of them wait for the log once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from tests.deployment import HOME, Deployment

from meridian.client import Client, errors
from meridian.client.errors import KmsServiceError
from meridian.client.fields import EncryptFields, ReEncryptFields
from meridian.client.statuses import error_of
from meridian.contract.batches import BYTES_MAX, batch_of, item_rpcs
from meridian.contract.catalog import batch_rpcs, rpcs
from meridian.kms.v1 import encryption_pb2

A = TypeVar("A", bound=Message)
PAGE = Path(__file__).parents[2] / "docs" / "batches.md"
MOST = 100
CONTEXT = {"tenant": "a"}
NOBODY = "MissingAuthenticationTokenException"


@pytest.fixture(scope="module")
def app(two_regions: Deployment) -> Iterator[Client]:
    with two_regions.client(HOME, "app") as client:
        yield client


@pytest.fixture(scope="module")
def key(two_regions: Deployment) -> str:
    return new_key(two_regions)


def new_key(two_regions: Deployment) -> str:
    with two_regions.client() as alice:
        return str(alice.create_key().key_metadata.arn)


def message(operation: str, items: Sequence[dict[str, Any]]) -> Message:
    """The one message of a batch."""
    single = rpcs()[operation].request_class
    return batch_of()[operation].request_class(items=[single(**item) for item in items])


def records_of(two_regions: Deployment, caller_request_id: str) -> list[dict[str, Any]]:
    """The records of what a caller has named so."""
    return [r for r in two_regions.audit(HOME) if (r.get("additionalEventData") or {}).get("callerRequestId") == caller_request_id]


def codes(outcomes: Sequence[Any]) -> list[str]:
    return [outcome.code if isinstance(outcome, KmsServiceError) else "ok" for outcome in outcomes]


def answers(outcomes: Sequence[A | KmsServiceError]) -> list[A]:
    """What became of items of which none was refused."""
    assert codes(outcomes) == ["ok"] * len(outcomes)
    return [outcome for outcome in outcomes if not isinstance(outcome, KmsServiceError)]


def test_what_a_batch_encrypts_a_batch_moves_and_opens(two_regions: Deployment, app: Client, key: str) -> None:
    other, texts = new_key(two_regions), [f"text {number}".encode() for number in range(MOST + 1)]
    made = answers(app.encrypt_batch([{"key_id": key, "plaintext": text, "encryption_context": CONTEXT} for text in texts]))
    moves: list[ReEncryptFields]
    moves = [{"source_encryption_context": CONTEXT, "destination_key_id": other, "ciphertext_blob": each.ciphertext_blob} for each in made]
    opened = answers(app.decrypt_batch([{"ciphertext_blob": each.ciphertext_blob} for each in answers(app.re_encrypt_batch(moves))]))
    assert [each.plaintext for each in opened] == texts
    assert {each.key_id for each in opened} == {other}
    keys = answers(app.generate_data_key_batch([{"key_id": key, "key_spec": "AES_256"}] * MOST))
    assert len({each.plaintext for each in keys}) == MOST


def test_items_of_rsa_keys_are_worked_on_beside_the_loop_with_the_others(two_regions: Deployment, app: Client, key: str) -> None:
    with two_regions.client() as alice:
        pair = str(alice.create_key(key_spec="RSA_2048", key_usage="ENCRYPT_DECRYPT").key_metadata.arn)
    oaep: Any = "RSAES_OAEP_SHA_256"
    names = [{"key_id": pair, "encryption_algorithm": oaep}, {"key_id": key}] * 3
    texts: list[Any] = [{**name, "plaintext": b"x"} for name in names]
    sealed = answers(app.encrypt_batch(texts))
    blobs: list[Any] = [{**name, "ciphertext_blob": s.ciphertext_blob} for name, s in zip(names, sealed, strict=True)]
    for _ in range(2):  # at the second time nothing is waited for but the work itself
        assert [each.plaintext for each in answers(app.decrypt_batch(blobs))] == [b"x"] * 6
    moves: list[ReEncryptFields]
    moves = [
        {"source_key_id": pair, "source_encryption_algorithm": oaep, "ciphertext_blob": s.ciphertext_blob, "destination_key_id": key}
        for s in sealed[::2]
    ]
    moved = answers(app.re_encrypt_batch(moves))
    assert [each.plaintext for each in answers(app.decrypt_batch([{"ciphertext_blob": m.ciphertext_blob} for m in moved]))] == [b"x"] * 3


def test_a_hundred_items_wait_for_the_log_once_or_twice(two_regions: Deployment, app: Client, key: str) -> None:
    items: list[EncryptFields] = [{"key_id": key, "plaintext": b"x"}] * MOST
    app.encrypt_batch(items)
    before = two_regions.metrics(HOME)
    made = app.encrypt_batch(items)
    after = two_regions.metrics(HOME)
    assert codes(made) == ["ok"] * MOST
    records, syncs = (after[f"meridian_audit_{what}"] - before[f"meridian_audit_{what}"] for what in ("records_total", "syncs_total"))
    assert records >= MOST
    assert syncs - (records - MOST) <= 2, "every other record has at most a sync of its own"


def test_each_item_has_the_error_of_the_single_call(two_regions: Deployment, app: Client, key: str) -> None:
    with two_regions.client() as alice:
        disabled = str(alice.create_key().key_metadata.arn)
        alice.disable_key(key_id=disabled)
    good: EncryptFields = {"key_id": key, "plaintext": b"x"}
    bad: list[Any] = [
        {"key_id": key},
        {"key_id": disabled, "plaintext": b"x"},
        {"key_id": key.replace("1111", "9999"), "plaintext": b"x"},
        {"key_id": "alias/nowhere", "plaintext": b"x"},
        {"key_id": key, "plaintext": b"x", "dry_run": True},
        {"key_id": key, "plaintext": b"x", "grant_tokens": ["none"]},
    ]
    outcomes = app.encrypt_batch([good, *bad, good])
    alone = []
    for fields in bad:
        with pytest.raises(KmsServiceError) as refused:
            app.call(rpcs()["Encrypt"], encryption_pb2.EncryptRequest(**fields))
        alone.append(refused.value)
    assert codes(outcomes)[0] == codes(outcomes)[-1] == "ok"
    refusals = [outcome for outcome in outcomes if isinstance(outcome, KmsServiceError)]
    assert [(e.code, e.message, e.fields) for e in refusals] == [(e.code, e.message, e.fields) for e in alone]
    assert len({e.request_id for e in refusals}) == 1
    assert "DryRunOperationException" in codes(outcomes)


def test_a_caller_who_may_not_use_one_of_the_keys_is_denied_that_item_alone(two_regions: Deployment, app: Client, key: str) -> None:
    with two_regions.client(HOME, "developer") as developer:
        closed = str(developer.create_key(policy='forbid (principal, action == KMS::Action::"Encrypt", resource);').key_metadata.arn)
    outcomes = app.encrypt_batch([{"key_id": name, "plaintext": b"x"} for name in (key, closed, key)])
    assert codes(outcomes) == ["ok", "AccessDeniedException", "ok"]


def test_each_item_has_a_record_with_its_place_and_the_batch_has_none(two_regions: Deployment, app: Client, key: str) -> None:
    name = secrets.token_hex(8)
    items: list[Any] = [
        {"key_id": key, "plaintext": b"x"},
        {"key_id": key},
        {"key_id": key, "plaintext": b"x", "encryption_context": CONTEXT},
    ]
    outcomes: list[Any] = list(app.encrypt_batch(items, caller_request_id=name))
    records = records_of(two_regions, name)
    assert [r["additionalEventData"]["batchItem"] for r in records] == [0, 1, 2]
    assert [r["eventName"] for r in records] == ["Encrypt"] * 3
    assert [r.get("errorCode", "ok") for r in records] == codes(outcomes) == ["ok", "ValidationException", "ok"]
    assert {r["requestID"] for r in records} == {outcomes[1].request_id}
    assert len({r["eventID"] for r in records}) == 3
    assert records[2]["requestParameters"]["encryptionContext"] == CONTEXT


def allowed(two_regions: Deployment) -> float:
    """Decisions that allowed something."""
    return sum(value for name, value in two_regions.metrics(HOME).items() if name.startswith('meridian_decisions_total{effect="allow"'))


@pytest.mark.parametrize("operation", batch_of())
def test_items_that_ask_for_the_same_are_each_decided_counted_and_recorded(
    two_regions: Deployment, app: Client, key: str, operation: str
) -> None:
    name, rpc = secrets.token_hex(8), batch_of()[operation]
    blob = app.encrypt(key_id=key, plaintext=b"x").ciphertext_blob
    fields: dict[str, dict[str, Any]] = {
        "Encrypt": {"key_id": key, "plaintext": b"x", "encryption_context": CONTEXT},
        "Decrypt": {"ciphertext_blob": blob},
        "GenerateDataKey": {"key_id": key, "number_of_bytes": 16},
        "ReEncrypt": {"ciphertext_blob": blob, "destination_key_id": key},
    }
    before = allowed(two_regions)
    answer = app.call(rpc, message(operation, [fields[operation]] * 5), caller_request_id=name)
    assert [item.HasField("answer") for item in answer.items] == [True] * 5
    records = records_of(two_regions, name)
    assert allowed(two_regions) - before == sum(len(r["meridian"]["decisions"]) for r in records)
    assert len({r["eventID"] for r in records}) == 5
    assert [r["additionalEventData"].pop("batchItem") for r in records] == list(range(5))
    for r in records:
        for own in ("latencyMs", "seq", "prevHash"):
            del r["meridian"][own]
        del r["eventID"]
    assert records == [records[0]] * 5


def test_what_is_denied_of_several_items_is_denied_of_each(two_regions: Deployment, app: Client) -> None:
    with two_regions.client(HOME, "developer") as developer:
        closed = str(developer.create_key(policy='forbid (principal, action == KMS::Action::"Encrypt", resource);').key_metadata.arn)
    name = secrets.token_hex(8)
    assert codes(app.encrypt_batch([{"key_id": closed, "plaintext": b"x"}] * 3, caller_request_id=name)) == ["AccessDeniedException"] * 3
    assert [[made["effect"] for made in r["meridian"]["decisions"]] for r in records_of(two_regions, name)] == [["Deny"]] * 3


WHOLE = {"no items": 0, "too many items": MOST + 1}


@pytest.mark.parametrize("fault", WHOLE)
@pytest.mark.parametrize("name", batch_rpcs())
def test_a_batch_that_cannot_be_taken_is_refused_whole_and_recorded_once(
    two_regions: Deployment, app: Client, key: str, name: str, fault: str
) -> None:
    rpc, given = batch_rpcs()[name], secrets.token_hex(8)
    request = rpc.request_class(items=[item_rpcs()[name].request_class()] * WHOLE[fault])
    with pytest.raises(errors.ValidationException) as refused:
        app.call(rpc, request, caller_request_id=given)
    assert [field for field, _ in refused.value.fields] == ["items"]
    assert [(r["eventName"], r["errorCode"]) for r in records_of(two_regions, given)] == [(name, "ValidationException")]


def test_a_batch_that_is_longer_than_a_request_is_refused_before_it_is_read(app: Client, key: str) -> None:
    request = message("Encrypt", [{"key_id": key, "plaintext": b"x" * (BYTES_MAX // 2)}] * 2)
    with pytest.raises(KmsServiceError) as refused:
        app.call(batch_of()["Encrypt"], request)
    assert refused.value.code == "RESOURCE_EXHAUSTED"


def test_what_is_no_batch_is_refused_whole(two_regions: Deployment, app: Client) -> None:
    own = two_regions.endpoint(HOME, "app")
    with grpc.secure_channel(own.target, own.credentials) as channel, pytest.raises(grpc.RpcError) as refused:
        call: Any = channel.unary_unary(batch_of()["Encrypt"].path)
        call(b"\xff", timeout=20)
    assert error_of(refused.value).code == "ValidationException"


def test_a_batch_asks_once_who_calls(two_regions: Deployment, key: str) -> None:
    metric = f'meridian_calls_total{{operation="EncryptBatch",outcome="{NOBODY}"}}'
    before = two_regions.metrics(HOME).get(metric, 0)
    with two_regions.client(HOME, "transport") as nobody:
        assert codes(nobody.encrypt_batch([{"key_id": key, "plaintext": b"x"}] * MOST)) == [NOBODY] * MOST
    assert two_regions.metrics(HOME)[metric] - before == 1


def test_the_example_of_the_page_runs_as_printed(
    two_regions: Deployment, app: Client, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    given: dict[str, Any] = {"kms": app, "key": key, "other_key": new_key(two_regions), "texts": [b"a", b"", b"c"]}
    exec(example, given)  # noqa: S102 - a page of ours
    assert capsys.readouterr().out == "1 ValidationException\n"
    opened = answers(
        app.decrypt_batch([{"ciphertext_blob": each.ciphertext_blob, "encryption_context": {"table": "t"}} for each in given["moved"]])
    )
    assert [(each.plaintext, each.key_id) for each in opened] == [(b"a", given["other_key"]), (b"c", given["other_key"])]


def test_the_audit_log_with_batches_in_it_is_clean(two_regions: Deployment) -> None:
    """Runs last."""
    report = two_regions.verify_audit(HOME)
    assert report.returncode == 0, report.stdout

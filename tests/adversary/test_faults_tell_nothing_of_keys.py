"""What breaks while a key of another account is looked at tells nobody that the key is there: the answer is that of an absent key, on
either wire. The operators hear of it, and the key's own account is told that something broke."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.adversary.test_existence_matrix import NUMBER, OURS, answers, over_grpc
from tests.conformance.good_requests import PRINCIPAL, Things
from tests.deployment import HOME, Deployment

from meridian.client import Client
from meridian.contract.catalog import rpcs
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.timeout(180)

THEIRS = "111122223333"
OURS_ARN = "arn:aws:iam::444455556666:user/developer-abroad"
ABSENT = f"arn:aws:kms:{HOME}:{THEIRS}:key/{uuid.uuid4()}"

BREAKS = {
    "policy": "update keys set policy = 'this is no policy' where key_id = ?",
    "row": "update keys set key_spec = 'NO_SUCH_SPEC' where key_id = ?",
    "grant": "update grants set operations = 'no list' where key_id = ?",
    "queue": "",
}
"""What makes a look at a key fail."""
UNFORESEEN = 'meridian_security_events_total{event="UnforeseenFault"}'
TOLD = {
    "policy": 'meridian_security_events_total{event="PolicyFault"}',
    "row": UNFORESEEN,
    "grant": UNFORESEEN,
    "queue": "meridian_heavy_work_refused_total",
}
"""Where the operators see it."""
OWNER = {"policy": "KMSInternal", "row": "KMSInternal", "queue": "Throttling", "grant": "key_metadata"}
"""What the key's own account is told; a grant to somebody else is not looked at for it."""
NAMED: dict[str, dict[str, Any]] = {
    "DescribeKey": {},
    "Encrypt": {"plaintext": b"x"},
    "CreateGrant": {"grantee_principal": PRINCIPAL, "operations": [t.GRANT_OPERATION_DECRYPT]},
    "DisableKey": {},
}


@dataclass(frozen=True)
class Broken:
    """A Region with a key of another account that cannot be looked at without a fault."""

    what: str
    own: Things
    theirs: Things
    key: str
    ciphertext: bytes

    def told(self, name: str) -> float:
        return self.own.deployment.metrics(HOME)[name]


@pytest.fixture(scope="module", params=BREAKS)
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    what: str = request.param
    deployment = Deployment(tmp_path_factory.mktemp(what), [HOME]).prepare()
    try:
        deployment.start()
        with deployment.client(HOME, "developer") as owner:
            key = owner.create_key().key_metadata
            ciphertext = owner.encrypt(key_id=key.arn, plaintext=b"x").ciphertext_blob
            owner.create_grant(key_id=key.arn, grantee_principal=OURS_ARN, operations=[t.GRANT_OPERATION_DESCRIBE_KEY])
        deployment.stop(HOME)
        if BREAKS[what]:
            with sqlite3.connect(deployment.place(HOME).folder / "region.sqlite3") as database:
                assert database.execute(BREAKS[what], (key.key_id,)).rowcount == 1
            database.close()
        else:
            settings = deployment.place(HOME).settings
            settings.write_text("limits.heavy_queue = 0\n" + settings.read_text())
        deployment.start()
        own, theirs = (Things(deployment, tmp_path_factory.mktemp(name)) for name in ("own", "theirs"))
        own.client.close()
        own.client = Client(deployment.endpoint(HOME, OURS))
        yield Broken(what, own, theirs, key.arn, ciphertext)
        own.client.close()
        theirs.client.close()
    finally:
        deployment.stop_all()


@pytest.mark.parametrize("operation", NAMED)
def test_a_key_that_cannot_be_looked_at_is_answered_as_an_absent_one(broken: Broken, operation: str) -> None:
    rpc = rpcs()[operation]
    there, nowhere = (answers(broken.own, rpc, rpc.request_class(key_id=name, **NAMED[operation]), name) for name in (broken.key, ABSENT))
    assert there == nowhere
    assert all("AccessDenied" in answer for answer in there.values())


@pytest.mark.parametrize("fields", [{}, {"destination_key_id": ABSENT}], ids=["Decrypt", "ReEncrypt"])
def test_so_is_the_key_of_a_ciphertext(broken: Broken, fields: dict[str, str]) -> None:
    rpc = rpcs()["ReEncrypt" if fields else "Decrypt"]
    absent = broken.ciphertext[: NUMBER.start] + uuid.uuid4().bytes + broken.ciphertext[NUMBER.stop :]
    told = [answers(broken.own, rpc, rpc.request_class(ciphertext_blob=blob, **fields), "<name>") for blob in (broken.ciphertext, absent)]
    assert told[0] == told[1]
    assert all("AccessDenied" in answer for answer in told[0].values())


def test_the_operators_hear_of_it(broken: Broken) -> None:
    before, rpc = broken.told(TOLD[broken.what]), rpcs()["DescribeKey"]
    answers(broken.own, rpc, rpc.request_class(key_id=broken.key), broken.key)
    assert broken.told(TOLD[broken.what]) > before


def test_its_own_account_is_told_that_something_broke(broken: Broken) -> None:
    rpc = rpcs()["DescribeKey"]
    assert OWNER[broken.what] in repr(over_grpc(broken.theirs, rpc, rpc.request_class(key_id=broken.key)))

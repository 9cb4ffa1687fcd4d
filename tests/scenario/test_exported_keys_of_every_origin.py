"""What lies behind an export may be imported, may expire, and may have related keys in other Regions: what the other KMS sees of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.deployment import AWAY, HOME, Deployment
from tests.openssl import bring, random_material
from tests.scenario.two_kms import FREE
from tests.xks import OtherKms, allow, bytes_of, export, serve_xks

from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.timeout(240)

PREFIX, USES = "/store", ("encrypt", "decrypt")
STATE = (400, "InvalidStateException")


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, dict[str, int]]]:
    deployment = Deployment(tmp_path_factory.mktemp("origins"), [HOME, AWAY], settings_added=FREE).prepare()
    try:
        ports = {region: serve_xks(deployment, region) for region in (HOME, AWAY)}
        allow(deployment)
        deployment.start()
        yield deployment, ports
    finally:
        deployment.stop_all()


def exported(regions: tuple[Deployment, dict[str, int]], arn: str, name: str, region: str = HOME) -> OtherKms:
    """A caller of an export in a key store of its own, once it is served."""
    deployment, ports = regions
    kms = export(deployment, ports[region], arn, f"{PREFIX}-{name}", name, *USES, region=region)
    assert kms is not None
    deployment.wait_until(lambda: kms.metadata(name).status != 404)
    return kms


@pytest.mark.deep
def test_an_imported_key_serves_until_its_material_expires_and_again_with_the_same_material(
    regions: tuple[Deployment, dict[str, int]], tmp_path: Path
) -> None:
    material = random_material()
    with regions[0].client() as alice:
        key = alice.create_key(origin=t.ORIGIN_TYPE_EXTERNAL).key_metadata
        kms = exported(regions, key.arn, "imported")
        assert kms.metadata("imported").error == STATE, "it waits for its material"
        assert kms.encrypt("imported", b"x").error == STATE
        bring(alice, tmp_path, key.key_id, material, valid_to=datetime.now(UTC) + timedelta(seconds=12))
        regions[0].wait_until(lambda: kms.metadata("imported").status == 200)
        made = kms.encrypt("imported", b"kept", cdiv=True).document
        assert bytes_of(kms.decrypt("imported", made).document["plaintext"]) == b"kept"
        regions[0].wait_until(lambda: kms.decrypt("imported", made).error[0] != 200, seconds=40)
        assert kms.decrypt("imported", made).error == STATE
        assert kms.encrypt("imported", b"x").error == STATE
        bring(alice, tmp_path, key.key_id, material)
        regions[0].wait_until(lambda: kms.decrypt("imported", made).status == 200)
        assert bytes_of(kms.decrypt("imported", made).document["plaintext"]) == b"kept"
        alice.delete_imported_key_material(key_id=key.key_id)
        assert kms.decrypt("imported", made).error == STATE
        bring(alice, tmp_path, key.key_id, material)
        assert bytes_of(kms.decrypt("imported", made).document["plaintext"]) == b"kept"


def test_a_related_key_in_another_region_opens_what_was_encrypted_here_after_this_one_is_gone(
    regions: tuple[Deployment, dict[str, int]],
) -> None:
    deployment, _ = regions
    with deployment.client() as alice:
        key = alice.create_key(multi_region=True).key_metadata
        replica = alice.replicate_key(key_id=key.key_id, replica_region=AWAY).replica_key_metadata
    deployment.wait_for_state(AWAY, key.key_id, t.KEY_STATE_ENABLED)
    here, there = exported(regions, key.arn, "related"), exported(regions, replica.arn, "related", AWAY)
    aad = b"tenant=acme"
    made = here.encrypt("related", b"kept", aad=aad).document
    assert bytes_of(there.decrypt("related", made, aad=aad).document["plaintext"]) == b"kept"
    assert there.decrypt("related", made, aad=b"tenant=other").error == (400, "InvalidCiphertextException")
    deployment.stop(HOME, signal.SIGKILL)
    try:
        assert bytes_of(there.decrypt("related", made, aad=aad).document["plaintext"]) == b"kept"
        meanwhile = there.encrypt("related", b"written there").document
    finally:
        deployment.start(HOME)
    again = here.with_()
    deployment.wait_until(lambda: again.decrypt("related", meanwhile).status == 200)
    assert bytes_of(again.decrypt("related", meanwhile).document["plaintext"]) == b"written there"
    # Another id in the other Region is another derived key: it opens nothing of this one.
    stranger = exported(regions, replica.arn, "stranger", AWAY)
    assert stranger.decrypt("stranger", made, aad=aad).error == (400, "InvalidCiphertextException")

"""A key's states and materials as a model of their own, beside the service: every answer and every error must be the same.

The model knows nothing of the service's tables; it is written from the documents. The service is a real Region.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.deployment import HOME, Deployment
from tests.examples import examples
from tests.openssl import parameters

from meridian.client import Client
from meridian.client.errors import KmsServiceError
from meridian.kms.v1 import types_pb2 as t

pytestmark = pytest.mark.deep

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
NAMES = st.sampled_from(["a", "b"])
INVALID_STATE, UNSUPPORTED, DISABLED = "KMSInvalidStateException", "UnsupportedOperationException", "DisabledException"
INCORRECT, VALIDATION = "IncorrectKeyMaterialException", "ValidationException"
STATES = {t.KEY_STATE_ENABLED: "Enabled", t.KEY_STATE_DISABLED: "Disabled", t.KEY_STATE_PENDING_IMPORT: "PendingImport"}
STATES[t.KEY_STATE_PENDING_DELETION] = "PendingDeletion"


@dataclass
class Model:
    """What the documents say of one key."""

    external: bool
    state: str = ""
    present: dict[str, bool] = field(default_factory=dict)
    current: str = ""
    pending: str = ""
    rotations: int = 0

    def __post_init__(self) -> None:
        self.state = "PendingImport" if self.external else "Enabled"
        if not self.external:
            self.present, self.current = {"generated-0": True}, "generated-0"

    def complete(self) -> bool:
        permanent = [name for name in self.present if name != self.pending]
        return bool(permanent) and all(self.present[name] for name in permanent)

    def use(self) -> str:
        return {"Enabled": "", "Disabled": DISABLED}.get(self.state, INVALID_STATE)

    def switch(self, state: str) -> str:
        if self.state not in ("Enabled", "Disabled"):
            return INVALID_STATE
        self.state = state
        return ""

    def schedule_deletion(self) -> str:
        if self.state == "PendingDeletion":
            return INVALID_STATE
        self.state = "PendingDeletion"
        return ""

    def cancel_deletion(self) -> str:
        if self.state != "PendingDeletion":
            return INVALID_STATE
        self.state = "PendingImport" if self.external and not self.complete() else "Disabled"
        return ""

    def import_(self, name: str, kind: str) -> str:
        if not self.external:
            return UNSUPPORTED
        if self.state == "PendingDeletion":
            return INVALID_STATE
        if kind == "new" or (kind == "" and not self.present):
            return self.import_new(name)
        if name not in self.present:
            return INCORRECT
        self.present[name] = True
        self.revive()
        return ""

    def import_new(self, name: str) -> str:
        if name in self.present:
            return INCORRECT
        if self.pending:
            return INVALID_STATE
        self.present[name] = True
        if self.current:
            self.pending = name
        else:
            self.current = name
            self.revive()
        return ""

    def revive(self) -> None:
        if self.complete() and self.state in ("PendingImport", "Disabled"):
            self.state = "Enabled"

    def delete(self, name: str) -> str:
        if not self.external:
            return UNSUPPORTED
        name = name or self.current
        if not name:
            return ""
        if name not in self.present:
            return VALIDATION
        if name == self.pending:
            del self.present[name]
            self.pending = ""
            return ""
        self.present[name] = False
        if self.state in ("Enabled", "Disabled"):
            self.state = "PendingImport"
        return ""

    def rotate(self) -> str:
        if self.use():
            return self.use()
        if self.rotations >= 25:
            return "LimitExceededException"
        if self.external and not self.pending:
            return INVALID_STATE
        self.rotations += 1
        if not self.external:
            self.pending = f"generated-{self.rotations}"
            self.present[self.pending] = True
        self.current, self.pending = self.pending, ""
        return ""


class KeyBesideItsModel(RuleBasedStateMachine):
    """One key, administered by one client and used by another."""

    def __init__(self, admin: Client, user: Client) -> None:
        super().__init__()
        self.admin, self.user = admin, user

    @initialize(external=st.sampled_from([True, True, True, False]))
    def create(self, external: bool) -> None:
        origin = t.ORIGIN_TYPE_EXTERNAL if external else t.ORIGIN_TYPE_AWS_KMS
        self.key_id = self.admin.create_key(origin=origin).key_metadata.key_id
        self.model = Model(external)
        self.bytes = {name: secrets.token_bytes(32) for name in "ab"}
        self.ids: dict[str, str] = {}
        self.blobs: list[tuple[bytes, bytes, str]] = []
        self.token = b"x"
        if external:
            given = parameters(self.admin, self.key_id)
            public = serialization.load_der_public_key(given.public_key)
            assert isinstance(public, rsa.RSAPublicKey)
            self.public, self.token = public, given.import_token

    def answer(self, client: Client, operation: str, **fields: object) -> tuple[str, Any]:
        try:
            return "", getattr(client, operation)(key_id=self.key_id, **fields)
        except KmsServiceError as error:
            return error.code, None

    @rule()
    def encrypt(self) -> None:
        plaintext = secrets.token_bytes(16)
        code, answer = self.answer(self.user, "encrypt", plaintext=plaintext)
        assert code == self.model.use()
        if answer is not None:
            self.blobs.append((answer.ciphertext_blob, plaintext, self.model.current))

    @rule(data=st.data())
    def decrypt(self, data: st.DataObject) -> None:
        if not self.blobs:
            return
        blob, plaintext, material = data.draw(st.sampled_from(self.blobs))
        code, answer = self.answer(self.user, "decrypt", ciphertext_blob=blob)
        assert code == self.model.use()
        if answer is not None:
            assert answer.plaintext == plaintext
            known = self.ids.setdefault(material, answer.key_material_id)
            assert known == answer.key_material_id

    @rule(on=st.booleans())
    def switch(self, on: bool) -> None:
        code, _ = self.answer(self.admin, "enable_key" if on else "disable_key")
        assert code == self.model.switch("Enabled" if on else "Disabled")

    @rule(really=st.sampled_from([False, False, False, True]))
    def schedule_deletion(self, really: bool) -> None:
        """Less often than the rest, for little can be done to a key afterwards."""
        if not really:
            return
        assert self.answer(self.admin, "schedule_key_deletion")[0] == self.model.schedule_deletion()

    @rule()
    def cancel_deletion(self) -> None:
        assert self.answer(self.admin, "cancel_key_deletion")[0] == self.model.cancel_deletion()

    @rule(name=NAMES, kind=st.sampled_from(["", "new", "existing"]))
    def import_material(self, name: str, kind: str) -> None:
        fields: dict[str, object] = {"import_token": self.token, "encrypted_key_material": b"x"}
        if self.model.external:
            fields["encrypted_key_material"] = self.public.encrypt(self.bytes[name], OAEP)
        if kind:
            fields["import_type"] = t.IMPORT_TYPE_NEW_KEY_MATERIAL if kind == "new" else t.IMPORT_TYPE_EXISTING_KEY_MATERIAL
        fields["expiration_model"] = t.EXPIRATION_MODEL_TYPE_KEY_MATERIAL_DOES_NOT_EXPIRE
        code, answer = self.answer(self.admin, "import_key_material", **fields)
        assert code == self.model.import_(name, kind)
        if answer is not None:
            assert self.ids.setdefault(name, answer.key_material_id) == answer.key_material_id

    @rule(name=st.sampled_from(["", "a", "b"]))
    def delete_material(self, name: str) -> None:
        fields = {"key_material_id": self.ids.get(name, "0" * 64)} if name else {}
        assert self.answer(self.admin, "delete_imported_key_material", **fields)[0] == self.model.delete(name)

    @rule()
    def rotate(self) -> None:
        code, _ = self.answer(self.admin, "rotate_key_on_demand")
        assert code == self.model.rotate()
        until = time.monotonic() + 10
        while not code and self.admin.get_key_rotation_status(key_id=self.key_id).HasField("on_demand_rotation_start_date"):
            assert time.monotonic() < until

    @invariant()
    def the_key_is_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        metadata = self.admin.describe_key(key_id=self.key_id).key_metadata
        assert STATES[metadata.key_state] == self.model.state
        listed = self.admin.list_key_rotations(key_id=self.key_id, include_key_material=t.INCLUDE_KEY_MATERIAL_ALL_KEY_MATERIAL).rotations
        assert len(listed) == len(self.model.present)
        if self.model.external:
            present = {self.ids[name]: here for name, here in self.model.present.items()}
            assert {e.key_material_id: e.import_state == t.IMPORT_STATE_IMPORTED for e in listed} == present
            assert metadata.current_key_material_id == self.ids.get(self.model.current, "")


@pytest.mark.searched
def test_a_key_and_its_model_give_the_same_answers(two_regions: Deployment) -> None:
    with two_regions.client() as admin, two_regions.client(HOME, "app") as user:

        class OfTheseClients(KeyBesideItsModel):
            def __init__(self) -> None:
                super().__init__(admin, user)

        run_state_machine_as_test(OfTheseClients, settings=examples(20, 120, stateful_step_count=50))

"""What callers give for files and addresses: a text or a path, and for anything else an error that names the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.client.kms_in_memory import MemoryKms

from meridian.client import AsyncClient, Client, Endpoint
from meridian.client.envelope import Envelope

FILES = {"ca": "ca.crt", "certificate": "tls.crt", "private_key": "tls.key"}


def endpoint(**changed: Any) -> Endpoint:
    return Endpoint(**{"target": "localhost:1", **FILES, **changed})


def test_files_are_texts_or_paths(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc")
    for kind in (str, Path):
        made = endpoint(**{name: kind(tmp_path / file) for name, file in FILES.items()}, token_file=kind(tmp_path / "token"))
        assert (made.ca, made.token_file) == (tmp_path / "ca.crt", tmp_path / "token")
        assert (made.certificate, made.private_key) == (tmp_path / "tls.crt", tmp_path / "tls.key")
        assert made.metadata == (("authorization", "Bearer abc"),)
        with pytest.raises(FileNotFoundError, match=r"ca\.crt"):
            Client(made)


@pytest.mark.parametrize("field", [*FILES, "target", "token", "token_file"])
@pytest.mark.parametrize("value", [7, b"x"], ids=["a number", "bytes"])
def test_anything_else_is_named_with_its_field(field: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{field}: give a .*, not {type(value).__name__}$"):
        endpoint(**{field: value})


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("value", ["localhost:1", None])
def test_an_address_alone_is_no_endpoint(client: Any, value: object) -> None:
    with pytest.raises(TypeError, match=r"^endpoint: give an Endpoint, such as Endpoint\.find\(\), not "):
        client(value)


def test_files_of_envelopes_are_texts_or_paths(tmp_path: Path) -> None:
    kms: Any = MemoryKms()
    envelope, context = Envelope(kms, "k"), {"tenant": "a"}
    (tmp_path / "plain").write_bytes(b"x")
    envelope.encrypt_file(str(tmp_path / "plain"), str(tmp_path / "sealed"), encryption_context=context)
    envelope.decrypt_file(str(tmp_path / "sealed"), str(tmp_path / "opened"), encryption_context=context)
    assert (tmp_path / "opened").read_bytes() == b"x"
    wrong: tuple[tuple[Any, Any, str], ...] = ((7, "sealed", "source"), (tmp_path / "plain", 7, "target"))
    for source, target, field in wrong:
        with pytest.raises(TypeError, match=f"^{field}: "):
            envelope.encrypt_file(source, target, encryption_context=context)

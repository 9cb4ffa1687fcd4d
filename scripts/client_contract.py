"""What the generated client says of the contract: types of fields, their limits in words, and what the protos comment."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import grpc_tools
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from meridian.contract.catalog import TIMESTAMP, Rpc, is_map, is_required, is_secret, message_of
from meridian.contract.enums import enum_of
from meridian.contract.limits_in_words import size_in_words
from meridian.options.v1 import options_pb2

PROTOS = Path(__file__).resolve().parent.parent / "protos"
ANY = "google.protobuf.Any"
SCALARS = {
    FieldDescriptor.TYPE_STRING: "str",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_INT32: "int",
    FieldDescriptor.TYPE_INT64: "int",
}
IDENTIFIERS = {
    options_pb2.KEY_IDENTIFIER_ID_OR_ARN: "A key id or key ARN.",
    options_pb2.KEY_IDENTIFIER_ANY: "A key id, key ARN, alias name or alias ARN.",
}
MESSAGE, SERVICES, INNER = FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER, FileDescriptorProto.SERVICE_FIELD_NUMBER, 2


@cache
def comments() -> dict[str, str]:
    """Full names of messages, fields and methods with what the protos say of them, on one line."""
    with tempfile.TemporaryDirectory() as folder:
        described = Path(folder) / "described"
        includes = [f"-I{PROTOS}", f"-I{Path(grpc_tools.__file__).parent / '_proto'}"]
        sources = sorted(str(p.relative_to(PROTOS)) for p in (PROTOS / "meridian").rglob("*.proto"))
        command = [sys.executable, "-m", "grpc_tools.protoc", *includes, f"--descriptor_set_out={described}", "--include_source_info"]
        subprocess.run([*command, *sources], check=True)
        read = FileDescriptorSet.FromString(described.read_bytes())
    return {name: text for file in read.file for name, text in _comments(file)}


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    texts = {tuple(each.path): " ".join(each.leading_comments.split()) for each in file.source_code_info.location}
    for at, message in enumerate(file.message_type):
        yield f"{file.package}.{message.name}", texts.get((MESSAGE, at), "")
        for inner, field in enumerate(message.field):
            yield f"{file.package}.{message.name}.{field.name}", texts.get((MESSAGE, at, INNER, inner), "")
    for at, service in enumerate(file.service):
        for inner, method in enumerate(service.method):
            yield f"/{file.package}.{service.name}/{method.name}", texts.get((SERVICES, at, INNER, inner), "")


def module_of(descriptor: Descriptor | EnumDescriptor) -> str:
    """`encryption_pb2` for a message of `encryption.proto`."""
    return Path(descriptor.file.name).stem + "_pb2"


def class_of(descriptor: Descriptor) -> str:
    """`encryption_pb2.EncryptRequest`."""
    return f"{module_of(descriptor)}.{descriptor.name}"


def fields_class(descriptor: Descriptor) -> str:
    """The name of the dictionary that may stand for a message: `TagFields`."""
    return descriptor.name.removesuffix("Request").removesuffix("Type") + "Fields"


def type_of(field: FieldDescriptor, prefix: str) -> str:
    """The type of a value that a caller gives for a field; `prefix` stands before names of dictionaries."""
    one = _type_of_one(field, prefix)
    if is_map(field):
        return "Mapping[str, str]"
    return f"Sequence[{one}]" if field.is_repeated else one


def _type_of_one(field: FieldDescriptor, prefix: str) -> str:
    if field.type == FieldDescriptor.TYPE_ENUM:
        return f"words.{enum_of(field).name}"
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return SCALARS[field.type]
    inner = message_of(field)
    if inner.full_name == TIMESTAMP:
        return "datetime | timestamp_pb2.Timestamp"
    return "Message" if inner.full_name == ANY else f"{class_of(inner)} | {prefix}{fields_class(inner)}"


def limits_text(field: FieldDescriptor) -> str:
    """The limits of a field in words: `1 to 2048 characters.`"""
    parts = [size_in_words(field)]
    identifier = field.GetOptions().Extensions[options_pb2.key_identifier]
    parts.append(IDENTIFIERS.get(identifier, ""))
    if is_secret(field):
        parts.append("Secret: it is never shown.")
    return " ".join(part for part in parts if part)


def request_of(rpc: Rpc) -> Descriptor:
    """What an operation asks."""
    found: Any = rpc.request_class.DESCRIPTOR
    descriptor: Descriptor = found
    return descriptor


def answer_of(rpc: Rpc) -> Descriptor:
    """What an operation answers."""
    found: Any = rpc.response_class.DESCRIPTOR
    descriptor: Descriptor = found
    return descriptor


def fields_of(descriptor: Descriptor) -> list[FieldDescriptor]:
    """The fields of a message, in the contract's order."""
    return list(descriptor.fields)


def required_first(rpc: Rpc) -> list[FieldDescriptor]:
    """The fields of a request, those first that it must have."""
    return sorted(fields_of(request_of(rpc)), key=lambda field: not is_required(field))


def page_field(rpc: Rpc) -> FieldDescriptor | None:
    """The list of an answer that comes in pages; None for other operations."""
    if "truncated" not in answer_of(rpc).fields_by_name:
        return None
    (found,) = [field for field in fields_of(answer_of(rpc)) if field.is_repeated]
    return found

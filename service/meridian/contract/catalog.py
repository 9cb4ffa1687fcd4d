"""What the contract declares, read once from the descriptors.

Each RPC with its messages, permissions, AWS name and limits as plain values; nothing generic looks at a descriptor again.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from meridian.contract.names import snake_case
from meridian.contract.operation import Operation
from meridian.options.v1 import options_pb2

NOUNS: Final = (
    "keys",
    "aliases",
    "key_policies",
    "grants",
    "tags",
    "rotation",
    "imports",
    "multi_region",
    "key_stores",
    "encryption",
    "data_keys",
    "signing",
    "macs",
    "key_agreement",
)
"""One proto file, one service and one operations module each."""

LIST_ITEMS_MAX: Final = 256
"""Of a list for which AWS says no maximum."""
TIMESTAMP: Final = "google.protobuf.Timestamp"
"""The full name of the type of the contract's moments."""
ACCESS: Final = "access"
"""What policies are in force, and what they would answer."""
BATCH: Final = "batch"
"""Many calls in one message: `contract/batches.py`."""
XKS: Final = "xks"
"""The calls of the XKS proxy API, which another KMS makes."""
CALLER: Final = "caller"
"""What a caller may know of himself."""
STS: Final = "sts"
"""Operations of AWS STS; over the AWS wire alone, in its own protocol."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One permission that a call needs."""

    action: str
    resource: str
    """Name of the resource kind without its prefix: "KEY", "SCOPE", "PROSPECTIVE_KEY" …"""
    resource_field: str
    context: tuple[str, ...]
    when: str
    """Request field that must be present for this permission to be asked; empty for always."""
    by_peer: bool
    cross_account: bool


@dataclass(frozen=True, slots=True)
class Rpc:
    """One operation of the contract."""

    name: Operation
    noun: str
    path: str
    """Full gRPC path, `/package.Service/Method`."""
    request_class: type[Message]
    response_class: type[Message]
    requires: tuple[Requirement, ...]
    operation: str
    """Name on the AWS wire."""
    errors: tuple[str, ...]
    read_only: bool
    has_dry_run: bool
    work: str
    """Name of the kind of work without its prefix: "DECRYPT", "HEAVY" …"""
    rate: str
    """Class of calls whose rate it counts for, where no field of the request says another kind of key."""
    counts_as_use: bool
    """Whether a successful call counts as a use of its keys."""
    key_fields: tuple[tuple[str, bool], ...]
    """Request fields that name keys, in the contract's order, and whether each accepts an alias."""
    algorithm_fields: tuple[str, ...]
    """Request fields that say the kind of a key."""
    ciphertext_key_field: str
    """Request field whose key the ciphertext names as well, or alone; empty for none."""

    @property
    def aws_name(self) -> str:
        return self.operation

    @property
    def event_source(self) -> str:
        """The service that it is an operation of, as CloudTrail has it."""
        return "sts.amazonaws.com" if self.noun == STS else "kms.amazonaws.com"

    @property
    def takes_token(self) -> bool:
        """Whether a repeat under the same client token gets the first answer: every operation that changes something."""
        return not self.read_only

    @property
    def method_name(self) -> str:
        """The operation's method in Python, the RPC's name in snake_case."""
        return snake_case(self.name)


def aws_member_name(field: FieldDescriptor) -> str:
    """A field's name on the AWS wire: its option, else its name in PascalCase."""
    options = field.GetOptions()
    if options.HasExtension(options_pb2.aws_name):
        return str(options.Extensions[options_pb2.aws_name])
    return "".join(part.capitalize() for part in field.name.split("_"))


def message_of(field: FieldDescriptor) -> Descriptor:
    """The message of a message field. Raises: TypeError for another field."""
    if field.message_type is None:
        raise TypeError(f"{field.full_name} is no message field")
    return field.message_type


def is_map(field: FieldDescriptor) -> bool:
    """Whether the field is a map."""
    return field.type == FieldDescriptor.TYPE_MESSAGE and bool(message_of(field).GetOptions().map_entry)


SENT_EMPTY: Final = frozenset({"MultiRegionConfiguration.replica_keys", "ReplicateKeyResponse.replica_tags"})


def is_required(field: FieldDescriptor) -> bool:
    """Whether a request must have the field."""
    limits = limits_of(field)
    return limits is not None and limits.required


def is_listed(field: FieldDescriptor) -> bool:
    """Whether the list is sent also where it is empty, as AWS does: those of answers in pages, and `SENT_EMPTY`."""
    answer = field.containing_type
    if not field.is_repeated or is_map(field) or answer is None:
        return False
    return "truncated" in answer.fields_by_name or f"{answer.name}.{field.name}" in SENT_EMPTY


def is_secret(field: FieldDescriptor) -> bool:
    """Whether the field's value must never be shown."""
    return bool(field.GetOptions().Extensions[options_pb2.secret])


def is_audited(field: FieldDescriptor) -> bool:
    """Whether audit records show the field's value."""
    return bool(field.GetOptions().Extensions[options_pb2.audited])


def limits_of(field: FieldDescriptor) -> options_pb2.Limits | None:
    """The declared limits of a field."""
    options = field.GetOptions()
    return options.Extensions[options_pb2.limits] if options.HasExtension(options_pb2.limits) else None


def items_max(field: FieldDescriptor) -> int:
    """How many items a list has at most: what AWS's model says, or 256 where it says nothing."""
    limits = limits_of(field)
    return limits.max if limits is not None and limits.HasField("max") else LIST_ITEMS_MAX


@cache
def rpcs() -> dict[str, Rpc]:
    """Every operation of AWS KMS by its name, in the contract's order."""
    return {rpc.name: rpc for noun in NOUNS for rpc in _rpcs_of(noun, f"meridian.kms.v1.{noun}_pb2")}


@cache
def served_rpcs() -> dict[str, Rpc]:
    """Every operation that a Region serves over gRPC: those of AWS KMS, and Meridian's own."""
    return rpcs() | _own_rpcs() | batch_rpcs()


@cache
def batch_rpcs() -> dict[str, Rpc]:
    """Every batch. It is no walk of its own: each of its items is."""
    return {rpc.name: rpc for rpc in _rpcs_of(BATCH, "meridian.batch.v1.batch_pb2")}


@cache
def xks_rpcs() -> dict[str, Rpc]:
    """Every call of the XKS proxy API; it comes over a listener of its own, and never over gRPC or the AWS wire."""
    return {rpc.name: rpc for rpc in _rpcs_of(XKS, "meridian.xks.v1.xks_pb2")}


@cache
def walked_rpcs() -> dict[str, Rpc]:
    """Every operation that is walked through the pipeline, whatever it came over."""
    return rpcs() | _own_rpcs() | sts_rpcs() | xks_rpcs()


@cache
def sts_rpcs() -> dict[str, Rpc]:
    """Every operation of AWS STS that is served."""
    return {rpc.name: rpc for rpc in _rpcs_of(STS, "meridian.sts.v1.sts_pb2")}


def _own_rpcs() -> dict[str, Rpc]:
    """Those that AWS does not have."""
    return {rpc.name: rpc for noun in (ACCESS, CALLER) for rpc in _rpcs_of(noun, f"meridian.{noun}.v1.{noun}_pb2")}


def _rpcs_of(noun: str, module_name: str) -> Iterator[Rpc]:
    module: Any = importlib.import_module(module_name)
    for service in module.DESCRIPTOR.services_by_name.values():
        for method in service.methods:
            yield _rpc(noun, service.full_name, method)


def _rpc(noun: str, service: str, method: MethodDescriptor) -> Rpc:
    options = method.GetOptions().Extensions
    fields = method.input_type.fields
    return Rpc(
        name=Operation(method.name),
        noun=noun,
        path=f"/{service}/{method.name}",
        request_class=GetMessageClass(method.input_type),
        response_class=GetMessageClass(method.output_type),
        requires=tuple(_requirement(r) for r in options[options_pb2.requires]),
        operation=options[options_pb2.operation],
        errors=tuple(options[options_pb2.errors]),
        read_only=options[options_pb2.read_only],
        work=options_pb2.Work.Name(options[options_pb2.work]).removeprefix("WORK_"),
        has_dry_run="dry_run" in method.input_type.fields_by_name,
        rate=options[options_pb2.rate],
        counts_as_use=options[options_pb2.counts_as_use],
        key_fields=tuple((f.name, _accepts_alias(f)) for f in fields if f.GetOptions().Extensions[options_pb2.key_identifier]),
        algorithm_fields=tuple(f.name for f in fields if f.GetOptions().Extensions[options_pb2.key_algorithm]),
        ciphertext_key_field=next((f.name for f in fields if f.GetOptions().Extensions[options_pb2.names_ciphertext_key]), ""),
    )


def _accepts_alias(field: FieldDescriptor) -> bool:
    return bool(field.GetOptions().Extensions[options_pb2.key_identifier] == options_pb2.KEY_IDENTIFIER_ANY)


def _requirement(option: options_pb2.Requirement) -> Requirement:
    return Requirement(
        action=option.action,
        resource=options_pb2.Resource.Name(option.resource).removeprefix("RESOURCE_"),
        resource_field=option.resource_field,
        context=tuple(option.context),
        when=option.when,
        by_peer=option.decided_by == options_pb2.DECIDED_BY_PEER,
        cross_account=option.cross_account,
    )

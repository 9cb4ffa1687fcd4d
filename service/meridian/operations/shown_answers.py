"""What the record of a change shows of the answer: the fields that the protos say, and the ARN of the key that was changed, which no answer
names.

Taken from the answer itself, in the transaction of the change: a record never tells what was meant and did not come to be.

Source: AWS KMS Developer Guide, log entries of each operation, responseElements.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from meridian.audit.record import shown_time
from meridian.call import Call
from meridian.contract.catalog import TIMESTAMP, is_audited, message_of
from meridian.contract.enums import enum_aws_value
from meridian.contract.names import lower_camel

WITHOUT_A_KEY: Final = frozenset({"CreateKey", "ReplicateKey"})
"""Their metadata name the key that was made."""


def shown_of(call: Call, answer: Any) -> dict[str, Any] | None:
    """The responseElements of a change that is answered so; None where there is nothing to show."""
    name = call.rpc.name
    shown: dict[str, Any] = {}
    if call.keys and name not in WITHOUT_A_KEY:
        shown["keyId"] = next(reversed(call.keys.values())).arn  # of two, the one that is changed is named last
    for field in filter(is_audited, answer.DESCRIPTOR.fields):
        value = _shown(answer, field)
        if value:
            shown[lower_camel(field.name)] = value
    return shown or None


def _shown(answer: Any, field: FieldDescriptor) -> Any:
    value = getattr(answer, field.name)
    if field.type == FieldDescriptor.TYPE_ENUM:
        return enum_aws_value(field, value)
    if not answer.HasField(field.name):
        return None
    is_time = field.type == FieldDescriptor.TYPE_MESSAGE and message_of(field).full_name == TIMESTAMP
    return shown_time(value.ToDatetime(UTC)) if is_time else value

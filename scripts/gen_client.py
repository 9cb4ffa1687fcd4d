"""Generate the client library's source from the contract, or with --check fail where the committed source differs.

What is generated: the methods of both clients, the table of what they send, AWS's words of each enum, dictionaries that may stand for
messages, and a class of each exception. It reads the stubs, so `scripts/gen_protos.py` runs before it.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

from client_contract import answer_of, class_of, comments, fields_class, fields_of, module_of, request_of, type_of
from client_source import ASYNCIO, BLOCKING, Style, constant, iterator_source, method_source
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

import meridian.errors
from meridian.contract.batches import BYTES_MAX, item_rpcs, items_most
from meridian.contract.call_times import CRYPTOGRAPHY_SECONDS, seconds_of
from meridian.contract.catalog import is_map, is_required, message_of, served_rpcs
from meridian.contract.enums import enum_of, enum_values
from meridian.errors import KmsError

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "service" / "meridian" / "client"
BY = "Generated from the contract by `make gen`."
PACKAGES = {"access_pb2": "meridian.access.v1", "batch_pb2": "meridian.batch.v1", "caller_pb2": "meridian.caller.v1"}
KMS = "meridian.kms.v1"
CLASS_TEXT = """\
    Every method raises the exceptions of `meridian.client.errors`: those that it names; AccessDeniedException, ThrottlingException,
    ValidationException and UnrecognizedClientException; and EndpointConnectionError and DeadlineExceeded where no Region answers."""
FUTURE = "from __future__ import annotations"


def stubs(modules: Iterable[str]) -> str:
    """Imports of stubs, by their packages."""
    by_package: dict[str, list[str]] = {}
    for module in sorted(set(modules)):
        by_package.setdefault(PACKAGES.get(module, KMS), []).append(module)
    return "\n".join(f"from {package} import {', '.join(found)}" for package, found in sorted(by_package.items()))


def requests() -> list[Descriptor]:
    return [request_of(rpc) for rpc in served_rpcs().values() if rpc.name not in item_rpcs()]


def inner_messages(of: Iterable[Descriptor]) -> list[Descriptor]:
    """Messages inside requests for which a caller may give a dictionary, each once."""
    found: dict[str, Descriptor] = {}
    for descriptor in of:
        for field in fields_of(descriptor):
            if field.type == FieldDescriptor.TYPE_MESSAGE and not is_map(field) and message_of(field).file.package == KMS:
                found[message_of(field).name] = message_of(field)
                found.update({each.name: each for each in inner_messages([message_of(field)])})
    return [found[name] for name in sorted(found)]


def enums() -> list[EnumDescriptor]:
    """Every enum of AWS KMS, and those of Meridian's own requests."""
    from meridian.kms.v1 import types_pb2

    asked = [enum_of(field) for request in requests() for field in fields_of(request) if field.type == FieldDescriptor.TYPE_ENUM]
    found = dict(types_pb2.DESCRIPTOR.enum_types_by_name) | {enum.name: enum for enum in asked}
    return [found[name] for name in sorted(found)]


def words_source() -> str:
    """AWS's words of each enum."""
    lines = [f'"""AWS\'s words of each enum beside its numbers. {BY}"""', FUTURE, "from typing import Any, Final, Literal, TypeAlias"]
    lines += ["from meridian.client.enum_words import EnumWords", stubs(module_of(enum) for enum in enums())]
    for enum in enums():
        values, module = enum_values(enum), module_of(enum)
        lines.append(f"{enum.name}Word: TypeAlias = Literal[{', '.join(map(repr, values.values()))}]")
        lines.append(f"{enum.name}: TypeAlias = {enum.name}Word | {module}.{enum.name}.ValueType")
        pairs = ", ".join(f"{word!r}: {module}.{enum.values_by_number[number].name}" for number, word in values.items())
        kind = f"EnumWords[{enum.name}Word, {module}.{enum.name}.ValueType]"
        lines.append(f"{constant(enum.name)}: Final[{kind}] = EnumWords({enum.name!r}, {{{pairs}}})")
    rows = ", ".join(f'"{enum.full_name}": {constant(enum.name)}' for enum in enums())
    lines.append(f"BY_ENUM: Final[dict[str, EnumWords[Any, Any]]] = {{{rows}}}")
    return "\n\n".join(lines)


def fields_source() -> str:
    """Dictionaries that may stand for messages."""
    kinds = [*inner_messages(requests()), *(request_of(item) for item in item_rpcs().values())]
    lines = [f'"""Dictionaries that may stand for messages of a request. {BY}"""', FUTURE]
    lines += [
        "from collections.abc import Mapping, Sequence",
        "from typing import Required, TypedDict",
        "from meridian.client import words",
    ]
    lines.append(stubs(module_of(inner) for inner in inner_messages(request_of(item) for item in item_rpcs().values())))
    for kind in kinds:
        lines.append(f'class {fields_class(kind)}(TypedDict, total=False):\n    """{comments()[kind.full_name]}"""\n')
        for field in fields_of(kind):
            given = f"Required[{type_of(field, '')}]" if is_required(field) else type_of(field, "")
            lines[-1] += f'\n    {field.name}: {given}\n    """{comments()[field.full_name]}"""'
    return "\n\n".join(lines)


def methods_source() -> str:
    """The table of what is sent."""
    served = served_rpcs().values()
    modules = {module_of(kind) for rpc in served for kind in (request_of(rpc), answer_of(rpc))}
    lines = [f'"""THE table of a client: every operation as it is sent. {BY}"""', FUTURE, "from typing import Any, Final"]
    lines += ["from meridian.client.method import Batch, Method", stubs(modules)]
    for rpc in served:
        seconds = seconds_of(rpc.name, rpc.work, CRYPTOGRAPHY_SECONDS)
        kinds = f"{class_of(request_of(rpc))}, {class_of(answer_of(rpc))}"
        lines.append(f'{constant(rpc.name)}: Final = Method("{rpc.name}", "{rpc.path}", {kinds}, {seconds}, takes_token={rpc.takes_token})')
    lines.append(f"ALL: Final[tuple[Method[Any, Any], ...]] = ({', '.join(constant(rpc.name) for rpc in served)},)")
    lines.append("BY_PATH: Final[dict[str, Method[Any, Any]]] = {each.path: each for each in ALL}")
    rows = ", ".join(
        f'"{name}": Batch({class_of(request_of(item))}, {items_most(served_rpcs()[name])})' for name, item in item_rpcs().items()
    )
    lines.append(f"BATCHES: Final = {{{rows}}}")
    lines.append(f'BATCH_BYTES_MAX: Final = {BYTES_MAX:_}\n"""Of the message of a batch."""')
    return "\n\n".join(lines)


def errors_source() -> str:
    """A class of each exception that a Region answers with, and of what no Region answered."""
    lines = [f'"""What calls end with, one class per exception of AWS; `KmsServiceError` is all of them. {BY}"""', FUTURE]
    lines += ["from typing import TYPE_CHECKING, Final", "from meridian.client.misspelt import nearest"]
    lines.append("from meridian.client.service_error import KmsServiceError, TransportError")
    declared = {name for rpc in served_rpcs().values() for name in rpc.errors}
    known = {name: kind for name, kind in vars(meridian.errors).items() if name.endswith("Exception") and isinstance(kind, type)}
    if missing := declared - set(known):
        sys.exit(f"declared in the protos, and no class of meridian.errors: {', '.join(sorted(missing))}")
    for name, kind in known.items():
        base = kind.__mro__[1].__name__
        text = kind.__doc__ or f"AWS {name}."
        lines.append(f"class {name}({'KmsServiceError' if kind.__mro__[1] is KmsError else base}):\n{docstring(' '.join(text.split()), 4)}")
    own = {
        "EndpointConnectionError": "The Region cannot be reached, or the connection to it was lost: nothing is known of the call.",
        "DeadlineExceeded": "The time of the call is over; a change may have been made all the same.",
        "Cancelled": "The call was cancelled: by its caller, or as the connection was told to go away.",
    }
    lines += [f'class {name}(TransportError):\n    """{text}"""' for name, text in own.items()]
    codes = {"EndpointConnectionError": "EndpointConnectionError", "DeadlineExceeded": "DEADLINE_EXCEEDED", "Cancelled": "CANCELLED"}
    rows = ", ".join(f'"{codes.get(name, name)}": {name}' for name in [*known, *own])
    lines.append(f"BY_CODE: Final[dict[str, type[KmsServiceError]]] = {{{rows}}}")
    lines.append(f"__all__ = [{', '.join(map(repr, ['KmsServiceError', 'TransportError', *known, *own]))}]")
    lines.append(
        "if not TYPE_CHECKING:\n\n    def __getattr__(name: str) -> object:\n"
        '        raise AttributeError(f"module {__name__} has no exception {name}{nearest(name, __all__)}")'
    )
    return "\n\n\n".join(lines)


def docstring(text: str, by: int) -> str:
    """A text of any length, as a docstring within the house's width."""
    lines = textwrap.wrap(f'"""{text}', 136, initial_indent=" " * by, subsequent_indent=" " * by)
    return "\n".join(lines) + ('"""' if len(lines) == 1 else "\n" + " " * by + '"""')


def client_source(name: str, base: str, module: str, style: Style) -> str:
    """The methods of one of the clients."""
    text = "A method for each operation of the contract."
    served = list(served_rpcs().values())
    modules = {module_of(kind) for rpc in served for kind in (request_of(rpc), answer_of(rpc))} - {"batch_pb2"}
    lines = [
        f'"""{text} {BY}"""',
        FUTURE,
        f"from collections.abc import {style.iterator}, Mapping, Sequence\nfrom datetime import datetime",
        "from google.protobuf import timestamp_pb2\nfrom google.protobuf.message import Message",
        f"from meridian.client import fields, methods, words\nfrom meridian.client.{module} import {base}",
        "from meridian.client.service_error import KmsServiceError",
        "from meridian.client.values import message, messages, moment, packed, texts",
        stubs({*modules, "types_pb2"}),
        f'class {name}({base}):\n    """{text}\n\n{CLASS_TEXT}\n    """',
    ]
    for rpc in served:
        lines += [source for source in (method_source(rpc, style), iterator_source(rpc, style)) if source]
    return "\n\n".join(lines)


def sources() -> dict[str, str]:
    """Names of files and what they hold."""
    return {
        "words.py": words_source(),
        "fields.py": fields_source(),
        "methods.py": methods_source(),
        "errors.py": errors_source(),
        "blocking_operations.py": client_source("BlockingOperations", "BlockingCalls", "blocking_calls", BLOCKING),
        "asyncio_operations.py": client_source("AsyncioOperations", "AsyncioCalls", "asyncio_calls", ASYNCIO),
    }


def formatted(name: str, text: str) -> str:
    """As ruff leaves it: without imports that nothing needs, in the house's format."""
    ruff = [str(Path(sys.executable).parent / "ruff")]
    for command in (["check", "--fix-only", "--quiet", "--select", "F401,I"], ["format", "--quiet"]):
        place = [*ruff, *command, "--stdin-filename", str(CLIENT / name), "-"]
        text = subprocess.run(place, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> int:
    """Write the source, or compare it."""
    fresh = {name: formatted(name, text) for name, text in sources().items()}
    if "--check" in sys.argv:
        differing = [name for name, text in fresh.items() if not (CLIENT / name).exists() or (CLIENT / name).read_text() != text]
        print("\n".join(["generated client differs:", *differing]) if differing else f"{len(fresh)} files of the client are current")
        return 1 if differing else 0
    for name, text in fresh.items():
        (CLIENT / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One operation as a client sends it: where it goes, in which messages, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from google.protobuf.message import Message

Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)


class HasPath(Protocol):
    """Whatever names an operation by its path of gRPC, an `Rpc` of the contract among them."""

    @property
    def path(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Method(Generic[Q, A]):
    """An operation of the contract."""

    name: str
    path: str
    """Of gRPC, `/package.Service/Method`."""
    request_class: type[Q]
    response_class: type[A]
    seconds: float
    """How long a call may take whose caller says nothing of that."""
    takes_token: bool
    """Whether it changes something, and so is sent again only under a token."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Many calls of an operation in one message."""

    request_class: type[Message]
    """Of one item."""
    items_max: int

"""Calls of bytes as they are: neither written nor read by the messages of the contract."""

from __future__ import annotations

import grpc


def raw_call(channel: grpc.Channel, path: str) -> grpc.UnaryUnaryMultiCallable[bytes, bytes]:
    """The call of this full path, `/package.Service/Method`."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
    return call

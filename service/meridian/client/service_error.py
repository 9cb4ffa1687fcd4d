"""What every exception of a call is: named as in AWS, with what the Region says beside the name."""

from __future__ import annotations

from collections.abc import Mapping


class KmsServiceError(Exception):
    """A refused or failed call. It can be pickled, so that it crosses processes."""

    def __init__(
        self,
        code: str,
        message: str,
        request_id: str,
        metadata: Mapping[str, str],
        fields: tuple[tuple[str, str], ...],
        retry_after_seconds: float | None,
    ) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        """Name of the exception in AWS; of what gRPC ended itself, the name of its status."""
        self.message = message
        self.request_id = request_id
        """Under which the Region's audit log has the call; empty where no Region answered."""
        self.metadata = dict(metadata)
        self.fields = fields
        """(field, what is wrong with it) for refused requests."""
        self.retry_after_seconds = retry_after_seconds
        """When the Region says that there may be room again; None where it says nothing of that."""

    def __reduce__(self) -> tuple[type[KmsServiceError], tuple[object, ...]]:
        return type(self), (self.code, self.message, self.request_id, self.metadata, self.fields, self.retry_after_seconds)


class TransportError(KmsServiceError):
    """A call that gRPC ended, not the Region: `code` is the name of its status."""

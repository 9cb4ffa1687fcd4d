"""The table `[audit]`: where the audit stream goes, and where it is shipped to."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from meridian.settings_sections import FilePath, OtlpSettings, Section, SecureUrl, SinkSeconds

BYTES_MAX: Final = 1 << 50
SECONDS_MAX: Final = 100 * 365 * 86_400.0
"""A hundred years."""


class S3Settings(Section):
    """A bucket of an S3-compatible store that takes closed segments and digests. Credentials are those of AWS's standard chain."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefix: Annotated[str, Field(pattern=r"^([\w.-]+/)*$", max_length=512)] = ""
    """Of every object's name; ends with a slash."""
    endpoint: SecureUrl | None = None
    """Where the store is; AWS where it is not given."""
    storage_region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")] | None = None
    """The store's own name of its Region; that of the standard chain where it is not given."""
    timeout_seconds: SinkSeconds = 60.0


class AuditSettings(Section):
    """Where the audit stream goes, and how long a full batch may take before calls are refused."""

    directory: FilePath
    replicas: FilePath | None = None
    """A folder with a folder for each replica, in which its `directory` lies: what those that ended left unshipped is shipped by others."""
    max_wait_seconds: float = Field(0.005, ge=0, le=1)
    max_batch: int = Field(256, ge=1, le=4096)
    sink_timeout_seconds: float = Field(0.5, gt=0, le=60)
    reserve_bytes: int = Field(64 * 1024 * 1024, ge=0, le=BYTES_MAX)
    segment_bytes: int = Field(64 * 1024 * 1024, ge=64 * 1024, le=BYTES_MAX)
    """How long a file of the stream grows before the next begins."""
    segment_seconds: float = Field(300.0, ge=1.0, le=86_400)
    """How old it grows. As often a digest is signed, also of an interval without records."""
    keep_seconds: float = Field(0.0, ge=0, le=SECONDS_MAX)
    """How long closed files are kept; 0 for ever. Digests always are."""
    keep_bytes: int = Field(0, ge=0, le=BYTES_MAX)
    """How much of them is kept; 0 for all."""
    stdout: bool = False
    """Whether every record is copied to standard output, too."""
    otlp: OtlpSettings | None = None
    s3: S3Settings | None = None

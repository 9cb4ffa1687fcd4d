"""Puts files of the audit log into a bucket of an S3-compatible store.

Source: Amazon S3 API Reference, PutObject; Checking object integrity.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from meridian.ports.audit_sinks import SinkFaultError


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket, and what the names of all objects begin with."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None
    timeout_seconds: float


class S3Bucket:
    """Implements `adapters.audit_ship_files.FileReceiver`. Credentials come from AWS's standard chain, and are renewed by it."""

    def __init__(self, place: S3Place) -> None:
        """Speaks to nobody. Raises: ValueError where the client cannot be made as this says."""
        self._place = place
        config = Config(
            connect_timeout=place.timeout_seconds,
            read_timeout=place.timeout_seconds,
            retries={"total_max_attempts": 1, "mode": "standard"},  # whoever calls tries again, and tells of it
            s3={"addressing_style": "path" if place.endpoint else "auto"},
        )
        try:
            session = boto3.session.Session(region_name=place.region)
            self._client = session.client("s3", endpoint_url=place.endpoint, config=config)
        except BotoCoreError as fault:
            raise ValueError(str(fault)) from fault

    def put(self, name: str, file: BinaryIO, length: int, digest: bytes) -> None:
        key = self._place.prefix + name
        try:
            self._client.put_object(
                Bucket=self._place.bucket,
                Key=key,
                Body=file,
                ContentLength=length,
                ChecksumSHA256=b64encode(digest).decode("ascii"),
            )
        except ClientError as fault:
            status = fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            raise SinkFaultError(f"PutObject: {fault.response.get('Error', {}).get('Code', '')} ({status})") from fault
        except BotoCoreError as fault:
            raise SinkFaultError(f"PutObject: {type(fault).__name__}") from fault

    def close(self) -> None:
        self._client.close()

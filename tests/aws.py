"""Clients of AWS, as their users configure them: an endpoint, a Region and an access key."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from tests.deployment import HOME, Deployment

from meridian.cli.region_place import HOST

QUICK = Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=20)


def access_key(deployment: Deployment, caller: str) -> tuple[str, str]:
    folder = deployment.root / "clients"
    return (folder / f"{caller}.access-key-id").read_text().strip(), (folder / f"{caller}.secret-access-key").read_text().strip()


def url(deployment: Deployment, region: str = HOME) -> str:
    """Behind Envoy it is that of gRPC, under TLS."""
    place = deployment.place(region)
    return f"https://{HOST}:{place.grpc_port}" if deployment.is_behind_envoy else f"http://{HOST}:{place.aws_port}"


def kms(deployment: Deployment, region: str = HOME, caller: str = "developer", **changed: Any) -> Any:
    """A boto3 client of one Region."""
    key_id, secret = access_key(deployment, caller)
    given = {
        "config": QUICK,
        "endpoint_url": url(deployment, region),
        "verify": str(deployment.root / "client-ca.crt"),
        "region_name": region,
        "aws_access_key_id": key_id,
        "aws_secret_access_key": secret,
    }
    return boto3.session.Session().client("kms", **{**given, **changed})


def environment(deployment: Deployment, region: str = HOME, caller: str = "developer") -> dict[str, str]:
    """What command lines and SDKs read."""
    key_id, secret = access_key(deployment, caller)
    return {
        "AWS_ENDPOINT_URL_KMS": url(deployment, region),
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

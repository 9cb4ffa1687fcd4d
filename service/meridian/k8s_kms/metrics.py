"""What the plug-in counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """One set for a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "meridian_k8s_kms_call_seconds",
            "How long the API server waited, by method and outcome.",
            ["method", "code"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.failures = Counter(
            "meridian_k8s_kms_region_failures", "Calls that a Region did not answer.", ["region", "code"], registry=self.registry
        )
        self.region_up = Gauge(
            "meridian_k8s_kms_region_up", "1 while the endpoint answers.", ["region", "endpoint"], registry=self.registry
        )
        self.rotations = Counter("meridian_k8s_kms_rotations", "New materials that were seen.", registry=self.registry)
        self.behind = Counter(
            "meridian_k8s_kms_behind", "Answers of a Region that had not rotated as another had.", ["region"], registry=self.registry
        )
        self.healthy = Gauge("meridian_k8s_kms_healthy", "1 where the last look could encrypt and decrypt.", registry=self.registry)
        self.certificate_ends = Gauge(
            "meridian_k8s_kms_certificate_expires_seconds", "Seconds until the certificate of the plug-in ends.", registry=self.registry
        )
        self.reloads = Counter("meridian_k8s_kms_credential_reloads", "Credentials read again.", ["outcome"], registry=self.registry)

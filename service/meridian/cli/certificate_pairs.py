"""A certificate and its private key as two files of one name."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from meridian.cli.private_files import write_private
from meridian.crypto.certificate_life import certificate_life
from meridian.crypto.certificate_uris import certificate_uris
from meridian.crypto.certificates import CertificateFiles
from meridian.engine.secret_files import FileFault


def certificate_of(path: Path) -> Path:
    """The certificate of whoever has this name; a dot in the name is part of it."""
    return path.with_name(f"{path.name}.crt")


def private_key_of(path: Path) -> Path:
    """Its private key, beside it."""
    return path.with_name(f"{path.name}.key")


def end_of(certificate: Path) -> datetime:
    """When it ends. Raises: FileFault."""
    try:
        return certificate_life(certificate.read_bytes()).not_after
    except ValueError as fault:
        raise FileFault(f"{certificate}: is no certificate; remove it, and it is made anew") from fault


def is_of(certificate: Path, spiffe_id: str | None) -> bool:
    """Whether a certificate names this holder, or nobody: another principal may have had the file. Raises: FileFault."""
    try:
        return certificate_uris(certificate.read_bytes()) == (() if spiffe_id is None else (spiffe_id,))
    except ValueError as fault:
        raise FileFault(f"{certificate}: {fault}; remove it, and it is made anew") from fault


def write_files(path: Path, files: CertificateFiles) -> None:
    """Write both, for their owner alone."""
    write_private(certificate_of(path), files.certificate)
    write_private(private_key_of(path), files.private_key)

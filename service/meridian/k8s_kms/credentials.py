"""What proves the plug-in to its Regions: files, read again while it runs, since whatever manages them renews them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from meridian.client import AsyncClient
from meridian.client.connection import OneOfSeveral
from meridian.k8s_kms.endpoints import Place
from meridian.k8s_kms.metrics import Metrics
from meridian.k8s_kms.regions import Regions
from meridian.log import structlog
from meridian.regular_file import read_regular

LOOK_SECONDS: Final = 5.0
WARN_SHARE: Final = 3
"""Less than a third of its life is left: whatever renews it has not."""
WARN_AGAIN: Final = timedelta(days=1)
Life = tuple[datetime, datetime]
Now = Callable[[], datetime]
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
CALLS_END_SECONDS: Final = 5.0
"""Calls that were under way with the old credentials have ended by then."""


@dataclass(frozen=True, slots=True)
class CredentialFiles:
    """Certificates, and where there is one a bearer token."""

    ca: Path
    certificate: Path
    private_key: Path
    token: Path | None
    life_of: Callable[[bytes], Life]
    """Reads a certificate. Raises: ValueError."""

    def life(self) -> Life:
        """From when to when the certificate is valid. Raises: OSError, ValueError."""
        return self.life_of(read_regular(self.certificate, FILE_BYTES_MAX))

    def digest(self) -> bytes:
        """Of what the files hold now. Raises: OSError."""
        files = [self.ca, self.certificate, self.private_key, *([self.token] if self.token else [])]
        return sha256(b"".join(sha256(read_regular(file, FILE_BYTES_MAX)).digest() for file in files)).digest()

    def require_sound(self) -> None:
        """Raises: ValueError, OSError: the key is not that of the certificate, or a file is not what it should be."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(self.certificate, self.private_key, password=_no_passphrase)
        context.load_verify_locations(self.ca)
        self.read_token()

    def read_token(self) -> str:
        """Raises: ValueError, OSError."""
        if self.token is None:
            return ""
        token = read_regular(self.token, FILE_BYTES_MAX).decode("ascii").strip()
        if not token or not all("!" <= each <= "~" for each in token):
            raise ValueError(f"{self.token} is no token, which is one line of ASCII")
        return token

    def clients(self, places: Sequence[Place]) -> dict[Place, AsyncClient]:
        """A client of each place, made of what the files hold now. Raises: ValueError, OSError."""
        token = self.read_token()
        return {place: AsyncClient(OneOfSeveral(place.target, self.ca, self.certificate, self.private_key, token)) for place in places}


def _no_passphrase() -> str:
    raise ValueError("the private key is under a passphrase")


class CertificateEnd:
    """Until when the certificate that is in use lasts: for Prometheus, and a warning once a day while there is time to renew it."""

    def __init__(self, life: Life, now: Now, metrics: Metrics) -> None:
        self.life = life
        self._now = now
        self._warned_at: datetime | None = None
        self._log = structlog.get_logger("meridian.k8s_kms")
        metrics.certificate_ends.set_function(lambda: (self.life[1] - now()).total_seconds())

    def renew(self, life: Life) -> None:
        """Another certificate is in use."""
        self.life, self._warned_at = life, None

    def look(self) -> None:
        """Warn of an end that is near, or past."""
        now = self._now()
        begins, ends = self.life
        is_told = self._warned_at is not None and now - self._warned_at < WARN_AGAIN
        if ends - now >= (ends - begins) / WARN_SHARE or is_told:
            return
        self._warned_at = now
        self._log.warning("certificate ends soon" if ends > now else "certificate has ended", not_after=ends.isoformat())

    def fault(self) -> str:
        """A sentence where it has ended, or is not valid yet; empty otherwise."""
        now, (begins, ends) = self._now(), self.life
        if now >= ends:
            return f"the certificate ended at {ends:%Y-%m-%dT%H:%M:%SZ}"
        return f"the certificate is not valid before {begins:%Y-%m-%dT%H:%M:%SZ}" if now < begins else ""


class CredentialReload:
    """New clients whenever the files have changed and are sound; until then the old ones stay."""

    def __init__(self, files: CredentialFiles, in_use: bytes, end: CertificateEnd, metrics: Metrics) -> None:
        """`in_use` is the digest of the files that the clients were made of."""
        self._files = files
        self._in_use = in_use
        self._refused = b""
        self._end = end
        self._metrics = metrics
        self._log = structlog.get_logger("meridian.k8s_kms")

    async def run(self, regions: Regions) -> None:
        """For as long as this process lives."""
        while True:
            self._end.look()
            await asyncio.sleep(LOOK_SECONDS)
            try:
                digest = await asyncio.to_thread(self._changed)
            except (OSError, ValueError) as fault:
                self._refuse(fault)
                continue
            if digest is not None:
                await self._exchange(regions, digest)

    def _changed(self) -> bytes | None:
        """The digest of new and sound files; None where there is nothing new. Raises: OSError, ValueError."""
        digest = self._files.digest()
        if digest == self._in_use:
            return None
        self._files.require_sound()
        return digest

    async def _exchange(self, regions: Regions, digest: bytes) -> None:
        try:
            clients = self._files.clients(list(regions.clients))
            life = self._files.life()
            is_whole = self._files.digest() == digest
        except (OSError, ValueError) as fault:
            self._refuse(fault)
            return
        if not is_whole:  # they were renewed one after the other, and the next look finds all of them
            await _close(clients)
            return
        old, regions.clients = regions.clients, clients
        self._in_use, self._refused = digest, b""
        self._end.renew(life)
        self._metrics.reloads.labels("taken").inc()
        self._log.info("credentials were read again")
        await asyncio.sleep(CALLS_END_SECONDS)
        await _close(old)

    def _refuse(self, fault: OSError | ValueError) -> None:
        """Tell once of each fault."""
        text = str(fault)
        if (digest := sha256(text.encode()).digest()) != self._refused:
            self._refused = digest
            self._metrics.reloads.labels("refused").inc()
            self._log.error("credentials cannot be used, the earlier ones stay", fault=text)


async def _close(clients: Mapping[Place, AsyncClient]) -> None:
    for client in clients.values():
        await client.close()

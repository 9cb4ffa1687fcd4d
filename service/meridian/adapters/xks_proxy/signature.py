"""Signature Version 4 of a request to a proxy.

Source: AWS XKS Proxy API Specification, Authentication; AWS General Reference, Signature Version 4 signing process.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from meridian.ports.key_store import RequestSigner

SERVICE: Final = "kms-xks-proxy"
SIGNED: Final = "content-type;host;x-amz-date"
CONTENT_TYPE: Final = "application/json"


def signed_headers(signer: RequestSigner, region: str, host: str, path: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a POST that is signed for this moment."""
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    day = moment[:8]
    scope = f"{day}/{region}/{SERVICE}/aws4_request"
    canonical = f"POST\n{path}\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{moment}\n\n{SIGNED}\n{sha256(body).hexdigest()}"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    signature = signer.sign(day, region, SERVICE, text.encode())
    credential = f"Credential={signer.access_key_id}/{scope}"
    return {
        "Content-Type": CONTENT_TYPE,
        "Host": host,
        "X-Amz-Date": moment,
        "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={SIGNED}, Signature={signature}",
    }

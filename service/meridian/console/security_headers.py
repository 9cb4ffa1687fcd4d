"""What every answer of the console says to browsers: THE tables of its security headers.

Source: W3C, Content Security Policy Level 3; OWASP HTTP Headers Cheat Sheet.
"""

from __future__ import annotations

from typing import Final

POLICY: Final = "; ".join(("default-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'", "object-src 'none'"))
"""No inline script, no inline style, nothing of another place."""
ALWAYS: Final = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
OVER_TLS: Final = (("Strict-Transport-Security", "max-age=31536000"),)
OF_PAGES: Final = (("Cache-Control", "no-store"),)
"""Nothing that a viewer saw stays in his browser."""

"""Libraries that many rooms use, loaded without parts that nobody here uses. What serves imports this before the rest."""

from __future__ import annotations

from google.protobuf.internal import api_implementation

from meridian.unused_parts import bare, empty

with empty("email.utils"):  # to take addresses of mail apart in certificates that are made
    import cryptography.x509  # noqa: F401 - from here on it is loaded

with bare("http.server", "urllib.request", "wsgiref.simple_server"):  # to serve metrics by itself, or to send them elsewhere
    import prometheus_client  # noqa: F401 - the same

if api_implementation.Type() == "upb":
    with empty("google.protobuf.internal.python_message"):  # messages without the library in C
        import google.protobuf.internal.builder
        import google.protobuf.message_factory  # noqa: F401 - the same

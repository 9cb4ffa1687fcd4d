"""What libraries do for a Region they do without the parts that it leaves out."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from datetime import UTC, datetime, timedelta
from meridian import lean_libraries
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf.timestamp_pb2 import Timestamp
from prometheus_client import CollectorRegistry, Counter, generate_latest

name, key = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a")]), generate_private_key(SECP256R1())
begins, mail = datetime(2026, 1, 1, tzinfo=UTC), x509.RFC822Name._init_without_validation("alice@example.com")
builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, begins + timedelta(1))
builder = builder.add_extension(x509.SubjectAlternativeName([mail]), critical=False)
read = x509.load_der_x509_certificate(builder.sign(key, SHA256()).public_bytes(Encoding.DER))
names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
assert names.get_values_for_type(x509.RFC822Name) == ["alice@example.com"]

registry = CollectorRegistry()
Counter("calls", "How many.", registry=registry).inc()
assert b"calls_total 1.0" in generate_latest(registry)

assert Timestamp.FromString(Timestamp(seconds=7).SerializeToString()).ToDatetime().second == 7
print(*sorted({"email.utils", "http.server", "urllib.request", "google.protobuf.internal.python_message"} & set(sys.modules)))
"""


def test_certificates_metrics_and_messages_need_none_of_what_is_left_out() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("\n", "")

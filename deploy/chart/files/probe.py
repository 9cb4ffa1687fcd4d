"""ADMIN GRPC AUTHORITY: ends with 0 where a Region is ready, and its listener proves its name by a certificate of the authority."""

import socket
import ssl
import sys
import urllib.request

admin, grpc, authority = sys.argv[1:]
with urllib.request.urlopen(f"http://{admin}/readyz", timeout=10) as answer:
    print(answer.status, answer.read().decode())
host, _, port = grpc.rpartition(":")
context = ssl.create_default_context(cafile=authority)
context.set_alpn_protocols(["h2"])
with socket.create_connection((host, int(port)), timeout=10) as plain, context.wrap_socket(plain, server_hostname=host) as secure:
    print(secure.version(), secure.selected_alpn_protocol())
    sys.exit(0 if secure.selected_alpn_protocol() == "h2" else "the listener for callers speaks no HTTP/2")

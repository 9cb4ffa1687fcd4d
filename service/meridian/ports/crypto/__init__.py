"""The parts of the crypto engine: the only thing that sees plaintext key material.

Callers hand over immutable keys with their sealed materials; the engine unwraps, uses, and forgets. Formats, byte for byte:
docs/spec/ciphertext.md. All methods are plain functions; none touches a database. They take microseconds, but for those that say so; what
may take milliseconds with a private key is given back as `Work`, which any thread may do.
"""

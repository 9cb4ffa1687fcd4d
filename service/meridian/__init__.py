"""Meridian: a key management service with the semantics of AWS KMS."""

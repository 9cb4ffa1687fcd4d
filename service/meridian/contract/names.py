"""Names in the spellings that the protos, Python and AWS give them."""

from __future__ import annotations


def snake_case(name: str) -> str:
    """`GenerateDataKey` → `generate_data_key`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def lower_camel(name: str) -> str:
    """`key_id` → `keyId`, the spelling of AWS's validation messages and audit records."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)

"""THE table of what an operator can do about a row that cannot be read or does not open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FROM_BACKUP: Final = "`meridian restore` a backup in which it is sound; until then what needs it is refused"
RETRIED: Final = "nothing must be done: it is put anew by the next comparison with that Region"
EVIDENCE: Final = "keep the database as it is; `meridian audit verify --against-db` tells what is missing"

OF_TABLE: Final[Mapping[str, str]] = {
    "aliases": "delete the alias and create it again",
    "answers": "nothing must be done: it goes after `limits.client_token_seconds`; a repeat under its token is refused until then",
    "audit_events": EVIDENCE,
    "audit_keys": EVIDENCE,
    "audit_streams": EVIDENCE,
    "audit_verifications": "run `meridian audit verify --against-db`, which writes it anew",
    "changes": "nothing must be done: it leaves the feed in its time",
    "counters": FROM_BACKUP,
    "grants": "revoke the grant and create it again",
    "import_keys": "ask for new import parameters; it goes when it expires",
    "inbox": "nothing must be done: it goes after `limits.inbox_days`",
    "incarnations": "`meridian region found` that Region, after making sure that no older copy of it runs",
    "keks": "rows under it do not open: `meridian restore` a backup in which it is sound. Without such rows it goes by itself",
    "key_sets": FROM_BACKUP,
    "key_stores": "delete the key store and create it again",
    "key_tags": "untag the key and tag it again",
    "key_usage": "nothing must be done: the next use of the key replaces it",
    "keys": FROM_BACKUP,
    "materials": FROM_BACKUP + "; imported material can be imported again",
    "operator_words": 'say the word again; the guide for operators, "When a Region is gone, or comes back"',
    "outbox": RETRIED,
    "region": FROM_BACKUP,
    "roots": "the other seals open the keyring; `meridian region rotate-root` writes every root anew",
    "secrets": "a transport-hpke-key is replaced by itself; for any other " + FROM_BACKUP,
}
"""By the name of the table; a test compares it with the schema."""

"""Session tokens of roles that were taken on: sealed, bound to their access key ids, and kept nowhere.

Source: docs/spec/ciphertext.md §4 (layout of tokens).
"""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any, Final

from meridian.crypto.aead import OpenError
from meridian.domain.encoding import length_prefixed_tuple
from meridian.domain.session import Session
from meridian.engine.box import SESSION_TOKEN
from meridian.engine.keyring import Keyring

TOKEN_CHARACTERS_MAX: Final = 8192


class SessionCommands:
    """Seals sessions."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def seal_session(self, session: Session) -> str:
        said: dict[str, Any] = {
            "secret_access_key": session.secret_access_key,
            "role_arn": session.role_arn,
            "name": session.name,
            "issuer": session.issuer,
            "subject": session.subject,
        }
        said |= {"issued_at": int(session.issued_at.timestamp()), "expires_at": int(session.expires_at.timestamp())}
        rest = length_prefixed_tuple(session.access_key_id)
        return urlsafe_b64encode(self._keyring.seal(SESSION_TOKEN, rest, json.dumps(said, ensure_ascii=False).encode())).decode()

    def open_session(self, access_key_id: str, token: str) -> Session:
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise ValueError("the session token is too long")
        try:
            sealed = b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
            opened = self._keyring.open(SESSION_TOKEN, length_prefixed_tuple(access_key_id), sealed)
        except (ValueError, OpenError) as fault:
            raise ValueError("the session token does not open") from fault
        said = json.loads(opened)
        return Session(
            access_key_id=access_key_id,
            secret_access_key=said["secret_access_key"],
            role_arn=said["role_arn"],
            name=said["name"],
            issuer=said["issuer"],
            subject=said["subject"],
            issued_at=datetime.fromtimestamp(said["issued_at"], UTC),
            expires_at=datetime.fromtimestamp(said["expires_at"], UTC),
        )

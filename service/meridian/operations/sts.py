"""StsService: who has signed, and keys for a while.

Whoever is asked about has been authenticated when these run; that a role trusts the holder of a token is decided before, in
`authentication/assumed_role.py`.

Source: AWS STS API Reference, AssumeRoleWithWebIdentity, GetCallerIdentity.
"""

from __future__ import annotations

from base64 import b32encode, b64encode
from datetime import UTC, timedelta
from typing import Any, Final

from meridian.audit.record import shown_time
from meridian.call import Call
from meridian.domain.session import KEY_ID_PREFIX, METHOD, SECONDS_DEFAULT, Session, session_arn, session_user_id
from meridian.errors import AccessDeniedException, UnsupportedOperationException, ValidationException
from meridian.ports.entropy import Entropy
from meridian.ports.principals import Principals
from meridian.ports.session_tokens import SessionTokens
from meridian.sts.v1 import sts_pb2

KEY_ID_BYTES: Final = 10
SECRET_BYTES: Final = 30
REFUSED: Final = {
    "provider_id": "tokens name their issuers",
    "policy": "sessions have no policies of their own",
    "policy_arns": "sessions have no policies of their own",
}
"""Fields that would change what a session may do, and do not here: a session that may more than was asked for is not given."""


class Sts:
    """Keys of sessions."""

    def __init__(self, *, principals: Principals, tokens: SessionTokens, entropy: Entropy) -> None:
        self._principals = principals
        self._tokens = tokens
        self._entropy = entropy

    async def get_caller_identity(self, request: sts_pb2.GetCallerIdentityRequest, call: Call) -> sts_pb2.GetCallerIdentityResponse:
        """Who has signed; in a session, the session."""
        who = call.caller
        if who.method == METHOD:
            user_id, arn = session_user_id(who.arn, who.session_name), who.subject
        else:
            user_id, arn = who.entity_id, who.arn
        return sts_pb2.GetCallerIdentityResponse(user_id=user_id, account=who.account, arn=arn)

    async def assume_role_with_web_identity(
        self, request: sts_pb2.AssumeRoleWithWebIdentityRequest, call: Call
    ) -> sts_pb2.AssumeRoleWithWebIdentityResponse:
        """Keys of the role that the caller is trusted to take on.

        Raises: UnsupportedOperationException for what sessions have not; ValidationException for a longer one than the role allows;
        AccessDeniedException where the role is gone meanwhile.
        """
        for name, why in REFUSED.items():
            if getattr(request, name):
                raise UnsupportedOperationException(f"{name}: {why}.")
        role = self._principals.mapping.roles.get(request.role_arn)
        if role is None or role.principal.arn != call.caller.arn:
            raise AccessDeniedException("The role is gone.")
        seconds = request.duration_seconds if request.HasField("duration_seconds") else min(SECONDS_DEFAULT, role.session_seconds_max)
        if seconds > role.session_seconds_max:
            raise ValidationException(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                fields=[("durationSeconds", f"is more than {role.session_seconds_max}")],
            )
        issuer, _, subject = call.caller.subject.partition(" ")
        session = Session(
            access_key_id=f"{KEY_ID_PREFIX}{b32encode(self._entropy.random_bytes(KEY_ID_BYTES)).decode()}",
            secret_access_key=b64encode(self._entropy.random_bytes(SECRET_BYTES)).decode(),
            role_arn=request.role_arn,
            name=request.role_session_name,
            issuer=issuer,
            subject=subject,
            issued_at=call.received_at,
            expires_at=(call.received_at + timedelta(seconds=seconds)).replace(microsecond=0),
        )
        return self._answer(session, call)

    def _answer(self, session: Session, call: Call) -> sts_pb2.AssumeRoleWithWebIdentityResponse:
        arn, user_id = session_arn(session.role_arn, session.name), session_user_id(session.role_arn, session.name)
        answer = sts_pb2.AssumeRoleWithWebIdentityResponse(
            credentials=sts_pb2.SessionCredentials(
                access_key_id=session.access_key_id,
                secret_access_key=session.secret_access_key,
                session_token=self._tokens.seal_session(session),
            ),
            assumed_role_user=sts_pb2.AssumedRoleUser(arn=arn, assumed_role_id=user_id),
            subject_from_web_identity_token=session.subject,
            provider=session.issuer,
        )
        answer.credentials.expiration.FromDatetime(session.expires_at)
        call.response_elements = shown_of(answer)
        return answer


def shown_of(answer: sts_pb2.AssumeRoleWithWebIdentityResponse) -> dict[str, Any]:
    """What the record shows of an answer: never the secret key and the token."""
    keys, role = answer.credentials, answer.assumed_role_user
    return {
        "credentials": {"accessKeyId": keys.access_key_id, "expiration": shown_time(keys.expiration.ToDatetime(UTC))},
        "assumedRoleUser": {"arn": role.arn, "assumedRoleId": role.assumed_role_id},
        "subjectFromWebIdentityToken": answer.subject_from_web_identity_token,
        "provider": answer.provider,
    }

"""CallerService: who calls. Whoever is asked about has been authenticated when this runs."""

from __future__ import annotations

from meridian.call import Call
from meridian.caller.v1 import caller_pb2


class Caller:
    """Who calls."""

    def __init__(self, *, region: str) -> None:
        self._region = region

    async def who_am_i(self, request: caller_pb2.WhoAmIRequest, call: Call) -> caller_pb2.WhoAmIResponse:
        """The principal, as policies see it."""
        who = call.caller
        answer = caller_pb2.WhoAmIResponse(
            arn=who.arn,
            account=who.account,
            kind=who.kind,
            name=who.name,
            groups=who.groups,
            tags=[caller_pb2.CallerTag(key=key, value=value) for key, value in who.tags],
            method=who.method,
            subject=who.subject,
            session_name=who.session_name,
            region=self._region,
        )
        if who.expires_at is not None:
            answer.expires_at.FromDatetime(who.expires_at)
        return answer

"""Where edited policies are tried out: in a process of their own, since parsing and deciding keep the interpreter to themselves."""

from __future__ import annotations

from typing import Protocol

from meridian.domain.policy_trial import Trial, Tried


class PolicyTrialWork(Protocol):
    """A few trials at once, accounts in turn; none has more than half of them."""

    async def run(self, trial: Trial) -> Tried:
        """What comes of it, within a bounded time. Raises: ThrottlingException where others are being tried; KMSInternalException where the
        process ended, or did not answer in time."""
        ...

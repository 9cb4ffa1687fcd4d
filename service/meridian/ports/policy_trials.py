"""Where edited policies are tried out: in a process of their own, since parsing and deciding keep the interpreter to themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from meridian.domain.policy_trial import Trial, Tried


class PolicyTrialWork(Protocol):
    """A few trials at once, accounts in turn; none has more than half of them."""

    async def run(self, trial: Trial, lines: Sequence[bytes]) -> Tried:
        """What comes of it, recorded calls in these lines of the audit log among it, within a bounded time.

        Raises: ThrottlingException where others are being tried; KMSInternalException where the process ended, or did not answer in time.
        """
        ...

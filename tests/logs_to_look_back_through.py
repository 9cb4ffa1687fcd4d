"""Logs of processes, with records of accounts a second apart."""

from __future__ import annotations

from pathlib import Path

from tests.audit_logs import Keyholder, SteppingClock, nobody, open_file, record
from tests.contract.test_audit_retention import AtOnce, answer

from meridian.adapters.audit_file import AuditFile, SegmentRules
from meridian.adapters.audit_reader import WrittenLog
from meridian.adapters.audit_retention import KeepRules
from meridian.audit.record import event_time

RULES = SegmentRules(bytes=64_000, seconds=60.0, reserve_bytes=0)
ACCOUNT, OTHER = "111122223333", "444455556666"


class Log:
    """One process' log, written to a second apart; closed segments are compressed but for the last."""

    def __init__(self, directory: Path, clock: SteppingClock, name: str = "s1") -> None:
        self.clock = clock
        self.keyholder = Keyholder()
        self.file = self._open(directory, name)

    def _open(self, directory: Path, name: str) -> AuditFile:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = open_file(directory, name, keyholder=self.keyholder, rules=RULES, clock=self.clock)
        file.hand_closed_to(AtOnce(), KeepRules(0, 0), nobody)
        return file

    def write(self, *numbers: int, account: str = ACCOUNT) -> None:
        for number in numbers:
            made = record(number, userIdentity={"accountId": account}, eventID=str(number))
            self.file.write([made | {"eventTime": event_time(self.clock.now())}])
            self.clock.seconds += 1

    def close_segment(self) -> None:
        self.clock.seconds += RULES.seconds
        answer(self.file, self.clock)
        self.file.tick(0)

    @property
    def written(self) -> WrittenLog:
        return WrittenLog(self.file.directory.path, self.file.durable_end)

"""What an operator must hear of, whoever notices it: THE table of security events, and the port that takes them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class SecurityEvent(StrEnum):
    """THE table of security events; the value is the `eventName` of the audit record and the label of the metric."""

    AUDIT_LOG_FAULT = "AuditLogFault"
    """A digest of the audit log could not be signed and written, or the end of the log not be registered: both are tried again. Or a
    closed file could not be compressed, or one that is old is kept since nothing vouches for it, or nobody reads the copy on standard
    output, or a collector or bucket does not take the log. The subject says which."""
    AUTHENTICATION_FAILED = "AuthenticationFailed"
    """A caller could not prove who it is; the subject is its address."""
    CALLER_CONNECTION_CLOSED = "CallerConnectionClosed"
    """A caller of the gRPC listener had more connections than its share, or those had of whom nobody is known; the subject is the caller's
    ARN, or the address."""
    CALLS_SHED = "CallsShed"
    """Calls of a known caller were refused because his account is over its rate, or for want of room; the subject is the caller."""
    CLOCK_STEP = "ClockStep"
    """The system clock moved against the monotonic one."""
    DATABASE_AHEAD = "DatabaseAhead"
    """Rows of the database tell of a time or a release that this process does not know yet."""
    DATABASE_STALE = "DatabaseStale"
    """The database is older than something that this Region has signed."""
    IDENTITY_FILES_CHANGED = "IdentityFilesChanged"
    """Certificates, authorities, principals or the deny list count as the files say now; the subject is the setting that names them."""
    IDENTITY_FILES_REFUSED = "IdentityFilesRefused"
    """Changed files of that kind cannot be used, and what was in force stays so; the details say why."""
    PEER_CHANGES_REFUSED = "PeerChangesRefused"
    """Another Region changes sets of related keys too often; the subject is that Region, the details name a set. Told once a minute."""
    PEER_CONNECTION_CLOSED = "PeerConnectionClosed"
    """Another Region had more connections than its share, or a connection carried no call; the subject is that Region, or the address."""
    PEER_MESSAGE_REFUSED = "PeerMessageRefused"
    """What another Region said or asked was refused; the subject is that Region, the details name the set and the rule."""
    POLICY_FAULT = "PolicyFault"
    """A policy could not be read or evaluated, and the call was denied for it."""
    SEPARATE_PROCESS_ENDED = "SeparateProcessEnded"
    """A process for work that keeps the interpreter ended by itself, or was ended because it did not answer; the subject is its task."""
    SET_GONE_ON = "SetGoneOn"
    """Signed states have shown that a set of related keys goes on without this Region; the subject is the Region that leads it on."""
    SET_SIGNED_TWICE = "SetSignedTwice"
    """Another Region has signed two different states of a set of related keys as the same one; the subject is that Region."""
    SIGN_IN_FAULT = "SignInFault"
    """Nobody could sign in to the console for a moment: its identity provider cannot be reached or answers wrongly, or too many were
    signing in. The details say which."""
    UNFORESEEN_FAULT = "UnforeseenFault"
    """An exception that no code expects; the call was refused for it. The details name type and place."""
    UNKNOWN_OPERATION = "UnknownOperation"
    """Somebody called what is no operation, and was refused before it was known who he is; the subject is his address."""
    WRAPPED_ROW_UNREADABLE = "WrappedRowUnreadable"
    """Wrapped bytes in the database do not open as what their row says they are."""


class SecurityEvents(Protocol):
    """Takes security events. Each is one log line, one count of a metric and one audit record.

    Events of one kind, subject and details within a second are told as one, with their number.
    """

    def report(self, event: SecurityEvent, *, subject: str = "", **details: str) -> None:
        """Never raises, and may be called from any thread. Texts are cut at 256 characters; no secret may be among them."""
        ...

    def report_fault(self, fault: BaseException, *, during: str) -> None:
        """An exception that no code foresaw: its type and the places it passed, never its text, which may quote input."""
        ...

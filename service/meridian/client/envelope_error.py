"""What is raised of an envelope by itself, whatever the Region says."""

from __future__ import annotations


class EnvelopeError(Exception):
    """The bytes are no envelope, or were changed or cut, or belong to another one."""

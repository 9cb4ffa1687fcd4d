"""Why a document is not converted. Half a policy would be worse than none, so the first refusal ends the conversion."""

from __future__ import annotations


class RefusedDocument(Exception):
    """The document cannot be said in Cedar; `element` is where, `why` is what to do instead."""

    def __init__(self, element: str, why: str) -> None:
        super().__init__(f"{element}: {why}")
        self.element = element
        self.why = why

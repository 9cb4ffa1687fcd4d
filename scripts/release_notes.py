"""Prints what CHANGELOG.md says of one version, as the notes of its release. `Unreleased` is what the next one will say.

Exit code 2, with a sentence, where the page has no such version or says nothing of it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[1] / "CHANGELOG.md"
HEADING = re.compile(r"^## (\[)?(?P<version>[\w.+-]+)(?(1)\])(?: - \d{4}-\d{2}-\d{2})?$")


def sections(page: str) -> dict[str, str]:
    """The text under each version's heading, newest first. Raises: ValueError where a heading names none, or stands twice."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in page.splitlines():
        if line.startswith("## "):
            heading = HEADING.match(line)
            if heading is None or heading["version"] in found:
                raise ValueError(f"CHANGELOG.md: {line!r} names no version, or one that has its heading")
            lines = found.setdefault(heading["version"], [])
        else:
            lines.append(line)
    return {version: "\n".join(text).strip() for version, text in found.items()}


def main(version: str) -> int:
    try:
        said = sections(CHANGELOG.read_text())
    except ValueError as fault:
        print(fault, file=sys.stderr)
        return 2
    if not said.get(version):
        print(f"CHANGELOG.md says nothing of {version!r}; it has {', '.join(said)}.", file=sys.stderr)
        return 2
    print(said[version])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))

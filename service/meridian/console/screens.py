"""Pages as HTML: Jinja templates, read and compiled once, which escape whatever they show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup, escape

from meridian.contract.enums import enum_aws_value
from meridian.contract.fields import enum_text_of
from meridian.domain.foreign_text import with_written_marks

TEMPLATES: Final = files("meridian.console") / "templates"
STATIC: Final = files("meridian.console") / "static"
KINDS: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
"""THE table of files that browsers get as they are."""


class Screens:
    """Renders."""

    def __init__(self, always: Mapping[str, Any]) -> None:
        """`always`: what every page can show."""
        self.static = {
            each.name: (KINDS[each.name.rpartition(".")[2]], each.read_bytes())
            for each in STATIC.iterdir()
            if each.name.rpartition(".")[2] in KINDS
        }
        digest = sha256(b"".join(data for _, data in self.static.values())).hexdigest()[:12]
        sources = {each.name: each.read_text() for each in TEMPLATES.iterdir()}
        self._environment = Environment(
            loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, cache_size=-1,
            finalize=_shown,
        )  # fmt: skip
        self._environment.filters.update(FILTERS)
        self._environment.globals.update(always, static_version=digest)
        for name in sources:
            self._environment.get_template(name)

    def render(self, template: str, values: Mapping[str, Any]) -> str:
        """The page."""
        return self._environment.get_template(template).render(values)


def _shown(value: Any) -> Any:
    """What is drawn of a value. What is HTML by now has been through here."""
    return with_written_marks(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _typed(text: str) -> Markup:
    """A text that its viewer may change, and sends back: as it is."""
    return escape(text)


def _moment(at: Any) -> Markup:
    """A timestamp of the contract, or a moment of Python, in UTC."""
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at.seconds, UTC)
    return Markup('<time datetime="{0:%Y-%m-%dT%H:%M:%SZ}">{0:%Y-%m-%d %H:%M} UTC</time>').format(moment)


def _second(at: Any) -> Markup:
    """A timestamp of the contract, in UTC, to the second."""
    return Markup('<time datetime="{0:%Y-%m-%dT%H:%M:%SZ}">{0:%Y-%m-%d %H:%M:%S} UTC</time>').format(
        datetime.fromtimestamp(at.seconds, UTC)
    )


def _enums(message: Any, field: str) -> list[str]:
    """The AWS values of a list of an enum."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    return [enum_aws_value(descriptor, number) for number in getattr(message, field)]


FILTERS: Final = {"moment": _moment, "second": _second, "enum": enum_text_of, "enums": _enums, "typed": _typed}

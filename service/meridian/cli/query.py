"""`--query`: a part of an answer, by an expression of JMESPath, as AWS's own command line has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

EXPRESSION_CHARACTERS_MAX: Final = 4096


class Expression(click.ParamType["ParsedResult"]):
    """An expression of JMESPath; what is wrong with it is said before anything is called."""

    name = "jmespath"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ParsedResult:
        # Not above: few commands are given one.
        import jmespath
        from jmespath.exceptions import JMESPathError

        if len(value) > EXPRESSION_CHARACTERS_MAX:
            self.fail(f"is longer than {EXPRESSION_CHARACTERS_MAX:,} characters", param, ctx)
        try:
            return jmespath.compile(value)
        except (JMESPathError, RecursionError) as fault:
            self.fail(f"{str(fault).splitlines()[0]}", param, ctx)


def select(expression: ParsedResult, value: Any) -> Any:
    """What the expression finds. Raises: click.BadParameter where it asks something of a value that it does not have."""
    from jmespath.exceptions import JMESPathError

    try:
        return expression.search(value)
    except JMESPathError as fault:
        raise click.BadParameter(str(fault).splitlines()[0], param_hint="--query") from fault

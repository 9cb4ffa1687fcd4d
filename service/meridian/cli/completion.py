"""`meridian completion`: the script by which a shell completes commands, options and values."""

from __future__ import annotations

from typing import Final

import click

from meridian.cli.terminal import say
from meridian.cli.words import Word

PROGRAM: Final = "meridian"
VARIABLE: Final = "_MERIDIAN_COMPLETE"
INSTALL: Final = {
    "bash": "source <(meridian completion bash)",
    "zsh": "source <(meridian completion zsh)",
    "fish": "meridian completion fish | source",
}
"""What the file that a shell reads at its start should say."""


@click.command(
    epilog="In the file that your shell reads at its start: " + "; ".join(f"{line} ({shell})" for shell, line in INSTALL.items())
)
@click.argument("shell", type=Word(list(INSTALL)))
def completion(shell: str) -> None:
    """Print the script by which a shell completes commands, options and values."""
    # Not above: what completes is needed here alone.
    from click.shell_completion import get_completion_class

    from meridian.cli.main import main

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"{shell}: is no shell that is known here")
    completing = found(main, {}, PROGRAM, VARIABLE)
    # Not `source()`: it runs the shell to ask for its release.
    say(completing.source_template % completing.source_vars())

"""What several processes of a Region share on their machine, held by their parent for as long as it lives."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from meridian.adapters.audit_segment import AuditDirectory
from meridian.bootstrap.listeners import listen_addresses, require_free_addresses
from meridian.bootstrap.startup import naming, writing_to
from meridian.settings import Settings
from meridian.transport.listening import bound_socket


@contextlib.contextmanager
def held_place(settings: Settings) -> Iterator[None]:
    """The audit directory, and every address but that of the admin listener: nobody else can have them, also while no process listens.

    Raises: StartupError where another process has one of them.
    """
    with contextlib.ExitStack() as held:
        with naming("audit.directory"), writing_to(settings.audit.directory):
            held.callback(AuditDirectory.take(settings.audit.directory).close)
        require_free_addresses(settings)
        for name, address in listen_addresses(settings).items():
            if name != "admin":
                with naming(f"{name}.listen"):
                    # It does not listen: no connection ever comes here.
                    held.enter_context(bound_socket(address, is_shared=True))
        yield

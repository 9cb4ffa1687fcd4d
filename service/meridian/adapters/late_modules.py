"""Code that few Regions need, and that a start does not wait for."""

from __future__ import annotations

import asyncio
from importlib import import_module
from types import ModuleType


async def loaded(name: str) -> ModuleType:
    """The module of this name, loaded with its first use, in a thread: it takes longer than the event loop may be held up."""
    return await asyncio.to_thread(import_module, name)

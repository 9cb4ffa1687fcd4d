"""Walks that seldom wait: each is walked at once, and has a task of its own from where it waits for something."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any


def walk_in_one_go(walk: Coroutine[Any, Any, None], group: asyncio.TaskGroup) -> None:
    """Walk as far as nothing is waited for; what is left is a task of the group.

    A walk that is about to wait says so by `asyncio.sleep(0)`, and only then waits: what it waits with may ask whose task it is in.
    Raises: RuntimeError for one that does not say so; it is closed.
    """
    context = copy_context()
    try:
        awaited = context.run(walk.send, None)
    except StopIteration:
        return
    if awaited is not None:
        walk.close()
        raise RuntimeError("a walk waits that has no task yet")
    group.create_task(walk, context=context)

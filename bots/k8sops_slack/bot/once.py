"""What must be said once, and must not be left out: kept as said only after Slack has taken it.

Said twice where a bot dies between Slack's answer and the store's; never left out where Slack is away for a moment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from k8sops.service.chat.memory import ChatMemory


async def once(memory: ChatMemory, key: str, saying: Callable[[], Awaitable[object]]) -> bool:
    """Do what the key names, unless it is done; False where another replica is at it, and may yet fail."""
    if not await memory.not_yet([key]):
        return True
    if not await memory.hold(key):
        return False
    try:
        # What was looked at before it was held may have been done meanwhile.
        if await memory.not_yet([key]):
            await saying()
            await memory.done_once([key])
    finally:
        await memory.let_go(key)
    return True

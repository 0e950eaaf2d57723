"""What takes secrets out of text on its way to the chat, under the key that records are redacted with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from k8sops.redact import TextRedactor, load_redactor
from k8sops.service.storing import Storage


async def text_redactor(storage: Storage) -> Callable[[str], str]:
    """The same text with every secret in it replaced. Raises KeyFileError where there is no key to be had."""
    redactor = TextRedactor(await asyncio.to_thread(load_redactor, storage.data / "redaction.key"))
    # Its rules are compiled with the first text, which nobody's message should wait for.
    await asyncio.to_thread(redactor.redact, "")
    return redactor.redact

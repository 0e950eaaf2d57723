"""What takes secrets out of text, made from the configuration: one way for the chat, the audit, bundles and logs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from k8sops.service.config import Config
from k8sops.service.storing import Storage

if TYPE_CHECKING:
    from k8sops.redact import TextRedactor


async def text_redactor(config: Config, storage: Storage) -> TextRedactor:
    """The configuration's redactor under this installation's key, ready for the first text.

    The store itself is not opened. Raises KeyFileError where there is no key to be had, UsageError where a rule of the
    configuration cannot be used.
    """
    from k8sops.redact import TextRedactor, load_redactor

    digests = await asyncio.to_thread(load_redactor, storage.data / "redaction.key")
    redactor = TextRedactor(digests, config.redaction)
    # Its rules are compiled with the first text, which nobody should wait for.
    await asyncio.to_thread(redactor.redact, "")
    return redactor

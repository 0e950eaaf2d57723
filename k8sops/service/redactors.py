"""What takes secrets out, made from the configuration: of text for the chat, bundles and logs, and of records."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from k8sops.core.redaction import RedactionSettings
from k8sops.service.config import Config

if TYPE_CHECKING:
    from k8sops.redact import KeyedRedactor, RecordRedactor, TextRedactor
    from k8sops.service.storing import Storage

KEY_FILE: Final = "redaction.key"


async def text_redactor(config: Config, storage: Storage) -> TextRedactor:
    """The configuration's redactor under this installation's key, ready for the first text.

    The store itself is not opened. Raises KeyFileError where there is no key to be had, UsageError where a rule of the
    configuration cannot be used.
    """
    return await asyncio.to_thread(lambda: _ready(_digests(storage.data), config.redaction))


async def record_redactor(config: Config, data: Path) -> RecordRedactor:
    """What records are made with. Raises as `text_redactor` does.

    E-mail addresses and IP addresses stay, whatever the configuration says: of a record one wants to know who it was,
    and where.
    """

    def make() -> RecordRedactor:
        from k8sops.redact import RecordRedactor

        digests = _digests(data)
        settings = msgspec.structs.replace(config.redaction, emails=False, addresses=False)
        return RecordRedactor(digests, _ready(digests, settings))

    return await asyncio.to_thread(make)


def _digests(data: Path) -> KeyedRedactor:
    from k8sops.redact import load_redactor

    return load_redactor(data / KEY_FILE)


def _ready(digests: KeyedRedactor, settings: RedactionSettings) -> TextRedactor:
    from k8sops.redact import TextRedactor

    redactor = TextRedactor(digests, settings)
    # Its rules are compiled with the first text, which nobody should wait for.
    redactor.redact("")
    return redactor

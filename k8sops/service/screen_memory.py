"""What the screen remembers, in one small file beside the store: comfort, never state that anything rests on."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

FILE: Final = "screen.json"
_MOST_BYTES: Final = 256 * 1024


class FileMemory:
    """`core.screen.ScreenMemory` in a file of the user's data folder; two screens at once: the last one wins."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = asyncio.Lock()

    async def recall(self) -> dict[str, Any]:
        """What the file holds."""
        return await asyncio.to_thread(self._read)

    async def keep(self, **changed: Any) -> None:
        """Write the file anew, whole."""
        async with self._lock:
            await asyncio.to_thread(self._write, changed)

    def _read(self) -> dict[str, Any]:
        try:
            with self._path.open("rb") as opened:
                found = json.loads(opened.read(_MOST_BYTES))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, changed: dict[str, Any]) -> None:
        from tempfile import NamedTemporaryFile

        text = json.dumps(self._read() | changed, ensure_ascii=False, indent=1)
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with NamedTemporaryFile("w", dir=self._path.parent, delete=False, encoding="utf-8") as written:
                written.write(text)
            Path(written.name).replace(self._path)

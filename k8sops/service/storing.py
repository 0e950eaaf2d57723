"""The store as a door opens it: when it is first needed, not before, so that no screen waits for a database.

Also what writing to it takes: the audit chain's seal, the redactor (its key is kept outside the database), ids.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from k8sops.core.clock import Clock, IdSource
from k8sops.core.errors import K8sOpsError, UnreachableError

if TYPE_CHECKING:
    from k8sops.engine.books import Books
    from k8sops.service.config import Config
    from k8sops.store.database import Boundary, Database


class Storage:
    """A store that opens itself once, on first use."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        ids: IdSource,
        *,
        data: Path | None = None,
        boundary: Boundary | None = None,
    ) -> None:
        """`data` is where the keys lie, else the user's folder; `boundary` hears of commits (`open_database`)."""
        self._data = data
        self._boundary = boundary
        self._config = config
        self._clock = clock
        self._ids = ids
        self._opening = asyncio.Lock()
        self._database: Database | None = None
        self._books: Books | None = None

    @property
    def data(self) -> Path:
        """Where the keys lie that are kept outside the database."""
        from k8sops.service.config import data_folder

        return self._data or data_folder()

    async def database(self) -> Database:
        """The open store. Raises what opening raises; where it is away, the message names --emergency."""
        async with self._opening:
            if self._database is None:
                self._database = await self._open()
            return self._database

    async def books(self) -> Books:
        """What records changes in it."""
        if self._books is None:
            from k8sops.audit.record import seal
            from k8sops.engine.books import Books
            from k8sops.service.redactors import record_redactor

            redactor = await record_redactor(self._config, self.data)
            self._books = Books(seal, redactor, self._ids)
        return self._books

    async def _open(self) -> Database:
        from k8sops.store.database import open_database

        try:
            return await open_database(self._config.store_url, clock=self._clock, boundary=self._boundary)
        except UnreachableError as error:
            if self._config.emergency or not self._config.database_url:
                raise
            raise _with_emergency(error) from error

    async def aclose(self) -> None:
        """Close what was opened."""
        if self._database is not None:
            await self._database.aclose()


def _with_emergency(error: K8sOpsError) -> K8sOpsError:
    return type(error)(
        error.message,
        hint="the cluster can be read without it; to change something now, "
        "--emergency --reason TEXT records it in a local store",
    )

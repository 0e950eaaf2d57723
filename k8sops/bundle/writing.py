"""A bundle being made: files side by side into the staging, then index and layout, then all of it in place at once.

Used as a context: whatever ends it before `finish` leaves nothing behind but what the disk refused to let go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from threading import Lock
from typing import Final, Literal, NamedTuple

import msgspec

from k8sops.bundle.errors import not_written
from k8sops.bundle.file import Budget, GrowingFile
from k8sops.bundle.index import INDEX, About, Index, IndexedFile, Missing, index_bytes
from k8sops.bundle.naming import distinct, safe_path
from k8sops.bundle.port import BundleFile, Redacting
from k8sops.bundle.redacted import redaction_of
from k8sops.bundle.redaction_text import REDACTION, redaction_text
from k8sops.bundle.staging import Made, Spool, StagedFile, Staging, Tree
from k8sops.bundle.workplace import Workplace
from k8sops.core.errors import UsageError
from k8sops.core.redaction import TextForm

THREADS: Final = 2
"""One redacts, the other compresses: more only wait for Python's lock."""


RESERVED: Final = frozenset({INDEX, REDACTION})
_INDEX_KEY: Final = 0
_REDACTION_KEY: Final = -1


class Form(NamedTuple):
    """What a bundle becomes, where, and how much of it at most, in bytes; `split` is the most of one part."""

    target: Path
    name: str
    form: Literal["tar.zst", "folder"] = "tar.zst"
    split: int = 0
    most: int = 2 << 30
    most_each: int = 20 << 20
    at_s: int = 0


class Written(msgspec.Struct, frozen=True):
    """A finished bundle."""

    made: Made
    index: Index


class BundleWriter:
    """Implements `port.BundleSink`. `redacting` None: everything is written as it comes. Raises BundleError."""

    def __init__(self, form: Form, redacting: Redacting | None) -> None:
        self._form: Final = form
        self._redacting: Final = redacting
        self._place: Final = Workplace(form.target, form.name)
        self._staging: Final[Staging] = (
            Tree(self._place)
            if form.form == "folder"
            else Spool(self._place, split=form.split, at_s=form.at_s)
        )
        self._threads: Final = ThreadPoolExecutor(THREADS, thread_name_prefix="bundle")
        self._one_looks: Final = Lock()
        self._budget: Final = Budget(form.most)
        self._files: Final[dict[str, GrowingFile]] = {}
        self._missing: Final[list[Missing]] = []
        self._failed: OSError | None = None

    @property
    def files(self) -> int:
        """How many were begun."""
        return len(self._files)

    @property
    def size(self) -> int:
        """How much is in them until now."""
        return self._budget.spent

    def exhausted(self) -> bool:
        """Whether nothing more fits."""
        return self._budget.exhausted

    def file(
        self,
        path: str,
        *,
        source: str,
        form: TextForm = TextForm.WHOLE,
        watch: Callable[[bytes], None] | None = None,
    ) -> AbstractAsyncContextManager[BundleFile]:
        """Write a file."""
        safe = safe_path(path)
        if safe in self._files or safe in RESERVED:
            raise UsageError(f"the bundle has a file {safe} already")
        begun = GrowingFile(
            safe,
            len(self._files) + 1,
            source=source,
            staging=self._staging,
            threads=self._threads,
            one_looks=self._one_looks,
            budget=self._budget,
            most=self._form.most_each,
            redaction=self._redacting(form) if self._redacting else None,
            watch=watch,
        )
        self._files[safe] = begun
        return self._writing(begun)

    def missing(self, path: str, *, source: str, why: str, note: bool = False) -> None:
        """There is no such file."""
        why = self._without_secrets(why)
        self._missing.append(Missing(path=safe_path(path), source=source, why=why, note=note))

    def lacking(self) -> list[tuple[str, str]]:
        """What is missing until now, and why, without what this cluster has not got at all; by source."""
        told = [(one.source, one.why) for one in self._missing if not one.note]
        told += [(file.source, why) for file in self._files.values() for why in file.errors]
        return sorted((source, self._without_secrets(why)) for source, why in told)

    async def finish(self, about: About) -> Written:
        """Lay it out and put it in place. Raises BundleError; then nothing of it is left."""
        with self._told():
            if self._failed is not None:
                raise self._failed
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._finish, about)

    async def close(self) -> None:
        """Take away what is not finished. Idempotent."""
        await asyncio.to_thread(self._close)

    @asynccontextmanager
    async def _writing(self, begun: GrowingFile) -> AsyncIterator[BundleFile]:
        with self._told():
            try:
                yield begun
            finally:
                await begun.end()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._failed = error
            raise not_written(self._form.target, error) from error

    def _finish(self, about: About) -> Written:
        names = distinct((*self._files, *RESERVED))
        growing = sorted(self._files.values(), key=lambda file: names[file.path])
        tallies = [(names[file.path], file.redaction.tally) for file in growing if file.redaction]
        redaction = redaction_of(self._redacting is not None, tallies)
        report = redaction_text(redaction).encode()
        index = Index(
            **msgspec.structs.asdict(about),
            complete=not any(file.errors or file.budget_cut for file in growing)
            and all(one.note for one in self._missing),
            redaction=redaction,
            files=tuple(self._indexed(file, names[file.path]) for file in growing),
            missing=tuple(sorted(self._missing, key=lambda one: (one.path, one.source, one.why))),
        )
        data = index_bytes(index)
        self._staging.append(_INDEX_KEY, data)
        self._staging.append(_REDACTION_KEY, report)
        staged = [StagedFile(names[file.path], file.key, file.size) for file in growing]
        staged.append(StagedFile(REDACTION, _REDACTION_KEY, len(report)))
        made = self._staging.finish(StagedFile(INDEX, _INDEX_KEY, len(data)), sorted(staged))
        return Written(made, index)

    def _indexed(self, file: GrowingFile, path: str) -> IndexedFile:
        return IndexedFile(
            path=path,
            source=file.source,
            bytes=file.size,
            lines=file.lines,
            truncated=self._without_secrets(file.cut),
            dropped=file.dropped,
            errors=tuple(map(self._without_secrets, file.errors)),
            notes=tuple(map(self._without_secrets, file.notes)),
        )

    def _without_secrets(self, text: str) -> str:
        if self._redacting is None or not text:
            return text
        redaction = self._redacting(TextForm.WHOLE)
        done = redaction.feed(text.encode("utf-8", "replace")) + redaction.finish()
        return done.decode("utf-8", "replace")

    def _close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._staging.close()
        self._place.close()


@asynccontextmanager
async def a_bundle(form: Form, redacting: Redacting | None) -> AsyncIterator[BundleWriter]:
    """A bundle that is made here: finished within, or gone. Raises BundleError where it cannot be begun."""
    writer = await asyncio.to_thread(BundleWriter, form, redacting)
    try:
        yield writer
    finally:
        await asyncio.shield(asyncio.ensure_future(writer.close()))

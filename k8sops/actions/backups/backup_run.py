"""A backup being made: hooks, reading, a second look, commit; whatever was stored is found again by the next try.

Indexes are put on record as they are written, so that a run which is taken over stores nothing twice. Anything less
than all of it ends the run as failed, with every gap named, and leaves a backup that says it is incomplete.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from k8sops.actions.backups.backup_params import BackupParams
from k8sops.actions.backups.backup_plan import BACKUP, RUN_HOOK
from k8sops.actions.backups.hooks import Hook, run_hooks
from k8sops.actions.backups.incremental import Manner, backups_like, manner_of
from k8sops.actions.backups.ports import OpenRepository
from k8sops.actions.backups.reading import REWRITTEN_NAMED, Reading, What, item_of
from k8sops.actions.backups.second_look import SecondLook
from k8sops.actions.backups.sources import UNREADABLE
from k8sops.actions.backups.survey import Survey, hooks_in, look_over
from k8sops.backup.bodies import BackupBody, Cut, FileRef, Gap
from k8sops.backup.selection import selection_json
from k8sops.backup.vault.items import Facts, Item, Key, Written
from k8sops.backup.vault.manifests import body_of, load_chain
from k8sops.backup.vault.packing import Pace
from k8sops.backup.vault.writing import BackupWriter, Writer
from k8sops.core.clock import rfc3339
from k8sops.core.errors import ClusterError, PartialError, UsageError
from k8sops.core.events import Emission, Progress
from k8sops.core.journal import Journal
from k8sops.core.plan import Plan, Target
from k8sops.core.ports import Cluster
from k8sops.core.raw import RawObject
from k8sops.core.sizes import size_text
from k8sops.core.text import counted, printable, shortened

LOOKED_BACK: Final = 8
GAPS_NAMED: Final = 3
WHY_SHOWN: Final = 160


class BackupRun:
    """One backup, by one carrier."""

    def __init__(self, plan: Plan, cluster: Cluster, journal: Journal, repository: OpenRepository) -> None:
        self._plan: Final = plan
        self._params: Final = BackupParams.model_validate(plan.params)
        self._selection: Final = self._params.selected
        self._cluster: Final = cluster
        self._journal: Final = journal
        self._repository: Final = repository
        self._began: datetime = journal.clock.now()
        self._reading: Reading | None = None
        self._total = int(plan.blast_radius.get("objects", 0))

    async def make(self, pace: Pace) -> str:
        """Make it, unless this run has made it already. Raises PartialError counting what is not in it."""
        body = await self._made() or (await self._write(pace)).body
        if body.gaps:
            raise incomplete(body)
        return _sentence(body)

    async def _made(self) -> BackupBody | None:
        """The backup that an earlier carrier of this run committed before it died."""
        vault, run = self._repository.vault, self._journal.errand.run
        chain = await load_chain(vault, self._plan.cluster.uid)
        for seq in list(reversed(chain.live))[:LOOKED_BACK]:
            body = await body_of(vault, chain, seq)
            if body.run == run:
                return body
        return None

    async def _write(self, pace: Pace) -> Written:
        survey = await look_over(self._cluster, self._selection)
        hooks, unread = await self._hooks(survey)
        server_version = await self._cluster.server_version()
        manner = await self._manner(server_version)
        pre = await run_hooks(self._cluster, _phase(hooks, "pre"), self._hook_once)
        async with AsyncExitStack() as ending:
            try:
                writer = await BackupWriter.begin(self._repository.vault, self._writer(pace))
                ending.push_async_callback(writer.close)
                reading, look = await self._read(writer, survey, full=manner.full or writer.base is None)
            except BaseException:
                # Where another carrier goes on, pods stay held still: it finds the pre hooks done and reads at once.
                if not self._journal.errand.leaving:
                    await run_hooks(self._cluster, _phase(hooks, "post"), self._hook_once)
                raise
            post = await run_hooks(self._cluster, _phase(hooks, "post"), self._hook_once)
            gaps = [*survey.undiscovered, *unread, *pre.gaps, *post.gaps, *reading.gaps]
            facts = self._facts(survey, reading, look, server_version, gaps, full=reading.what.full)
            written = await writer.commit(facts)
        await self._tell_end(reading, writer, written.body)
        used = {hook.rule for hook in hooks}
        idle = [
            f"hook {rule.name} ran nowhere: no pod fits it"
            for rule in self._params.hooks
            if rule.name not in used
        ]
        await self._tell_notes([*idle, *pre.notes, *post.notes], reading, written)
        return written

    async def _read(self, writer: BackupWriter, survey: Survey, *, full: bool) -> tuple[Reading, SecondLook]:
        what = What(
            selection=self._selection,
            kinds=survey.choice.kinds,
            namespaces=survey.namespaces,
            full=full,
        )
        told = partial(self._tell_progress, writer)
        self._reading = reading = Reading(self._cluster, self._journal.clock, writer, what, told)
        look = SecondLook(reading, writer, self._journal.clock)
        try:
            await reading.read()
            if reading.gaps and not reading.seen:
                raise ClusterError(
                    f"nothing could be read, so no backup was made: {reading.gaps[0].why}",
                    hint="`k8sops doctor` shows how far the connection and the rights reach",
                )
            await look.settle()
        finally:
            await reading.close()
        return reading, look

    async def _manner(self, server_version: str) -> Manner:
        vault = self._repository.vault
        chain = await load_chain(vault, self._plan.cluster.uid)
        like = await backups_like(vault, chain, self._selection)
        return manner_of(
            like,
            server_version,
            self._journal.clock.now(),
            full=self._params.full,
            full_every_days=self._params.full_every,
        )

    def _writer(self, pace: Pace) -> Writer:
        if self._repository.signer is None:
            raise UsageError(f"{self._repository.location} was opened for reading only")
        return Writer(
            cluster=self._plan.cluster.uid,
            signer=self._repository.signer,
            ids=self._repository.ids,
            encrypt=not self._params.no_encryption,
            selection=selection_json(self._selection),
            resume=self._recorded(),
            read_again=self._read_again,
            on_index=self._record,
            pace=pace,
        )

    def _facts(
        self,
        survey: Survey,
        reading: Reading,
        look: SecondLook,
        server_version: str,
        gaps: Sequence[Gap],
        *,
        full: bool,
    ) -> Facts:
        info = self._plan.cluster
        name = self._params.name or f"{info.name or 'cluster'}-{self._began:%Y%m%d-%H%M%S}"
        return Facts(
            name=name,
            run=self._journal.errand.run,
            began_at=self._began,
            cluster_name=info.name,
            server_version=server_version,
            kinds=tuple(
                kind.listed(reading.resource_versions.get(kind.key, "")) for kind in survey.choice.kinds
            ),
            cut=Cut(
                first_at=rfc3339(reading.first_at),
                last_at=rfc3339(reading.last_at),
                changed=look.changed,
                read_again=look.read_again,
            ),
            full_read=full,
            gaps=tuple(gaps),
            volumes_not_captured=tuple(sorted(reading.claims)),
        )

    async def _hooks(self, survey: Survey) -> tuple[tuple[Hook, ...], tuple[Gap, ...]]:
        """What annotations now ask for of the pods that the plan names, and rules of the pods that are there now."""
        step = next(step for step in self._plan.steps if step.id == BACKUP)
        items = step.bulk.items if step.bulk else ()
        annotated = any(kind.startswith(RUN_HOOK) for kind in (step.bulk.counts if step.bulk else ()))
        source = msgspec.structs.replace(
            self._params.hooking, annotated=annotated and self._params.hooking.annotated
        )
        try:
            found = await hooks_in(self._cluster, self._selection, survey, source)
        except UNREADABLE as error:
            why = f"which commands pods ask for is not known: {error.message}"[:500]
            return (), (Gap(group="", resource="pods", namespace="", why=why),)
        if step.bulk is not None and step.bulk.total > len(items):
            return found, ()
        named = {item.target for item in items if item.verb == RUN_HOOK}
        return tuple(hook for hook in found if hook.rule or hook.target in named), ()

    def _recorded(self) -> tuple[FileRef, ...]:
        """The indexes that earlier carriers of this run wrote."""
        found = self._journal.results_below(f"{BACKUP}/index")
        return tuple(
            FileRef(path.rpartition(":")[2], result.rpartition(" ")[2]) for path, result in found.items()
        )

    async def _record(self, ref: FileRef) -> None:
        async def recorded() -> str:
            return f"packs are on record by their index, of sha256 {ref.sha256}"

        target = Target(kind="indexes", name=ref.id)
        await self._journal.part(f"{BACKUP}/index/index:{ref.id}", target, recorded, quiet=True)

    async def _hook_once(self, hook: Hook, do: Callable[[], Awaitable[str]]) -> str:
        rule = f"{hook.rule}/" if hook.rule else ""
        path = f"{BACKUP}/hook/{rule}{hook.phase}:{hook.namespace}.{hook.pod}"
        return await self._journal.part(path, hook.target, do)

    async def _read_again(self, keys: Sequence[Key]) -> AsyncIterator[Item]:
        """What is in the backup and no longer stored, read anew."""
        reading = self._reading
        if reading is None:
            return
        kinds = {kind.key: kind for kind in reading.what.kinds}
        for kind_key in dict.fromkeys((key.group, key.resource) for key in keys):
            kind = kinds[kind_key]
            places = [(key.namespace, key.name) for key in keys if (key.group, key.resource) == kind_key]
            answers = reading.fetched(kind, places)
            async with aclosing(answers):
                async for found in answers:
                    if isinstance(found, RawObject):
                        yield item_of(kind, found)

    async def _tell_end(self, reading: Reading, writer: BackupWriter, body: BackupBody) -> None:
        """The last word, with what is really in it."""
        text = (
            f"{_objects(body)}, {counted(len(reading.what.kinds), 'kind')}, "
            f"{size_text(reading.read_bytes)} read, {size_text(writer.progress.bytes_put)} written"
        )
        progress = Progress(done=body.objects, total=body.objects, unit="objects")
        more = {"kinds": reading.kinds_done, "bytes": reading.read_bytes}
        data = msgspec.to_builtins(progress) | more
        await self._journal.tell(Emission(kind="progress", step=BACKUP, text=text, data=data))

    async def _tell_progress(self, writer: BackupWriter) -> None:
        reading = self._reading
        if reading is None:
            return
        done, total = reading.objects, max(self._total, reading.objects)
        elapsed = (self._journal.clock.now() - reading.first_at).total_seconds()
        eta = elapsed * (total - done) / done if done and elapsed > 1 else None
        kinds = f"{reading.kinds_done} of {counted(len(reading.what.kinds), 'kind')}"
        text = (
            f"{done:,} of about {total:,} objects, {kinds}, {size_text(reading.read_bytes)} read, "
            f"{size_text(writer.progress.bytes_put)} written"
        )
        progress = Progress(done=done, total=total, unit="objects", eta_s=eta)
        more = {"kinds": reading.kinds_done, "bytes": reading.read_bytes}
        data = msgspec.to_builtins(progress) | more
        await self._journal.tell(Emission(kind="progress", step=BACKUP, text=text, data=data))

    async def _tell_notes(self, notes: Sequence[str], reading: Reading, written: Written) -> None:
        told = [printable(note) for note in notes]
        told += [f"not relied on: {error.message}" for error in written.unusable]
        if reading.rewritten:
            named = ", ".join(
                f"{key.resource} {key.namespace}/{key.name}" for key in reading.rewritten[:REWRITTEN_NAMED]
            )
            told.append(
                f"the bytes of {counted(len(reading.rewritten), 'object')} changed under an unchanged "
                f"resourceVersion, which backups of only what changed do not see: {printable(named)}"
            )
        for text in told:
            await self._journal.tell(Emission(kind="note", step=BACKUP, text=text))


def _phase(hooks: Sequence[Hook], phase: str) -> list[Hook]:
    return [hook for hook in hooks if hook.phase == phase]


def _sentence(body: BackupBody) -> str:
    volumes = ""
    if body.volumes_not_captured:
        number = counted(len(body.volumes_not_captured), "volume")
        volumes = f"; the DATA of {number} are NOT in it: `k8sops backups show {body.id}` lists them"
    return (
        f"backup {body.name} ({body.id}) is complete: {_objects(body)}, {body.new_objects:,} new "
        f"({size_text(body.new_bytes)}){volumes}"
    )


def _objects(body: BackupBody) -> str:
    return f"{body.objects:,} object{'' if body.objects == 1 else 's'}"


def incomplete(body: BackupBody) -> PartialError:
    """What the run of an incomplete backup ends with: how much is missing, the first of it, and what shows the rest."""
    gaps = [
        f"{f'{gap.resource}.{gap.group}'.strip('.') or 'the core group'}"
        f"{f' in {gap.namespace}' if gap.namespace else ''} ({shortened(printable(gap.why), WHY_SHOWN)})"
        for gap in body.gaps[:GAPS_NAMED]
    ]
    more = f"; and {len(body.gaps) - GAPS_NAMED} more" if len(body.gaps) > GAPS_NAMED else ""
    return PartialError(
        f"backup {body.name} ({body.id}) of {body.objects:,} objects is INCOMPLETE, with "
        f"{counted(len(body.gaps), 'gap')}: {'; '.join(gaps)}{more}",
        hint=f"`k8sops backups show {body.id}` names all; leave out by --exclude-kinds what need not be in it",
    )

"""The backup repositories in a few plain sentences, for `doctor`: what opens, how old the newest is, who could read it.

Needs no cluster, since there may be none any more; writes nothing, neither there nor in the store.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from k8sops.actions.backups.ports import OpenRepository
from k8sops.backup.vault.manifests import clusters_of
from k8sops.backup.vault.rekeying import unproven_epochs
from k8sops.core.clock import Clock, UlidSource
from k8sops.core.errors import K8sOpsError
from k8sops.core.moments import in_words
from k8sops.core.text import counted
from k8sops.service.backup_keys import open_to_others
from k8sops.service.doctor import Check
from k8sops.service.repositories import ConfiguredRepositories, Where, where
from k8sops.service.rpo import Objective, Standing, newest_complete
from k8sops.service.seen import SeenOnlyRead
from k8sops.service.storing import Storage
from k8sops.store.database import Database, open_database

if TYPE_CHECKING:
    from k8sops.service.config import Config

SUBJECT = "backups"
MOST_CLUSTERS = 20
MOST_EPOCHS = 4


async def backup_checks(config: Config, clock: Clock) -> AsyncIterator[Check]:
    """Sentences about each configured repository, or the default one."""
    names = [one.name for one in config.repositories]
    if config.repository and config.repository not in names:
        names.insert(0, config.repository)
    if not names:
        yield Check(
            level="ok", subject=SUBJECT, text="no repository is configured; docs/backup.md says how to begin"
        )
        return
    storage = Storage(config, clock, UlidSource())
    database = await _store(config, clock)
    try:
        seen = SeenOnlyRead(database)
        repositories = ConfiguredRepositories(config, storage, clock, UlidSource(), seen=seen)
        for name in names:
            try:
                there = where(config, name)
                opened = await repositories.find(name)
                async for check in _repository(there, opened, clock):
                    yield check
            except K8sOpsError as error:
                yield Check(
                    level="failure",
                    subject=SUBJECT,
                    text=f"{name}: {error.message}",
                    hint=error.hint,
                    exit_code=error.exit_code,
                )
    finally:
        if database is not None:
            await database.aclose()


async def _store(config: Config, clock: Clock) -> Database | None:
    """The store as it is, or None where it cannot be read: that is told elsewhere, and nothing is made for it."""
    path = config.store_url.removeprefix("sqlite:///")
    if config.store_url.startswith("sqlite") and not await asyncio.to_thread(os.path.exists, path):
        return None
    try:
        return await open_database(config.store_url, clock=clock, migrate=False)
    except K8sOpsError:
        return None


async def _repository(there: Where, opened: OpenRepository | None, clock: Clock) -> AsyncIterator[Check]:
    shown = there.shown if there.settings is None else f"{there.shown} ({there.location.shown})"
    for path in await asyncio.to_thread(open_to_others, there.settings, os.environ):
        yield _warning(f"{shown}: others on this machine can read {path}", f"chmod 600 {path}")
    if opened is None:
        yield _warning(
            f"{shown} is empty: there is no backup yet", "`k8sops backup` makes a repository there"
        )
        return
    vault = opened.vault
    recipients = len(vault.recipients.get(vault.keyring.newest, ()))
    if vault.keyring.encrypted:
        kept = f"encrypted for {counted(recipients, 'recipient')}, which includes what is configured here"
        yield Check(level="ok", subject=SUBJECT, text=f"{shown} is repository {vault.id}, {kept}")
    else:
        yield _warning(
            f"{shown} is repository {vault.id}, which is not encrypted: its Secrets lie in the clear",
            "an encrypted one needs a place of its own",
        )
    for error in vault.refused:
        yield _warning(f"{shown}: {error.message}", error.hint)
    unproven = await unproven_epochs(vault) if vault.keyring.encrypted else []
    for epoch in unproven[:MOST_EPOCHS]:
        yield _warning(
            f"{shown}: the files in keys/{epoch} give no key here, and no backup was made under it",
            "ask whoever else may sign whether they began it; else somebody who can write to the storage left them",
        )
    # Also those of which nothing is left: that they were there is what was seen.
    known = {*await clusters_of(vault), *await vault.seen.clusters(vault.id)}
    for cluster in sorted(known)[:MOST_CLUSTERS]:
        yield await _age(there, opened, cluster, clock)


async def _age(there: Where, opened: OpenRepository, cluster: str, clock: Clock) -> Check:
    found = await newest_complete(opened, cluster, clock.now())
    newest = found.at
    span = there.settings.rpo_span if there.settings else None
    if span is not None:
        objective = Objective(repository=there.shown, span=span, said="the configuration")
        text = Standing(objective=objective, newest=newest, doubt=found.doubt).overdue(clock.now())
        if text:
            return _warning(f"cluster {cluster}: {text}", "`k8sops schedules list` shows whether one is due")
    if found.doubt:
        return _warning(
            f"cluster {cluster}: {found.doubt}",
            "see the clock of the machine that made it; it does not count",
        )
    if newest is None:
        return _warning(f"{there.shown} has no complete backup of cluster {cluster}", "")
    old = in_words((clock.now() - newest).total_seconds())
    return Check(
        level="ok",
        subject=SUBJECT,
        text=f"the newest complete backup of cluster {cluster} in {there.shown} is {old} old",
    )


def _warning(text: str, hint: str) -> Check:
    return Check(level="warning", subject=SUBJECT, text=text, hint=hint)

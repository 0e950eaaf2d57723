"""Whether a place can be written to, for plans: what is known to fail is said before anybody approves it."""

from __future__ import annotations

from k8sops.backup.storage.port import Storage
from k8sops.backup.vault.making import not_empty
from k8sops.core.plan import Finding
from k8sops.core.text import printable


async def unwritable(storage: Storage) -> list[Finding]:
    """The blocker of a plan that would write where nothing can be put, as far as that is known without trying."""
    return _blocker("not_writable", await storage.unwritable(), storage)


async def unmakeable(storage: Storage) -> list[Finding]:
    """The same of one that would make a repository there, for which the place has to be empty."""
    return await unwritable(storage) or _blocker("place_not_empty", await not_empty(storage), storage)


def _blocker(code: str, why: str, storage: Storage) -> list[Finding]:
    if not why:
        return []
    return [Finding(level="blocker", code=code, text=printable(why), subjects=(storage.location,))]

"""Acting as somebody else: the impersonation headers of the Kubernetes API.

Headers are repeated for groups and extra values, which is why they travel as a multi-value mapping. The service
account, the user and everything else are checked by the API server; nothing here grants anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from k8sops.core.errors import UsageError


class Impersonation(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to act as (Kubernetes docs, "User impersonation"); an empty `user` means nobody else."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = {}

    def headers(self) -> Iterator[tuple[str, str]]:
        """Header name and value pairs, repeated where there are several groups or extra values."""
        if not self.user:
            return
        yield "Impersonate-User", self.user
        if self.uid:
            yield "Impersonate-Uid", self.uid
        for group in self.groups:
            yield "Impersonate-Group", group
        for key, values in sorted(self.extra.items()):
            # Header names are case-insensitive and narrow, so the API server percent-decodes extra keys.
            name = f"Impersonate-Extra-{quote(key.lower(), safe='')}"
            for value in values:
                yield name, value

    @property
    def sentence(self) -> str:
        """How messages name it: `alice (groups ops, dev)`."""
        return f"{self.user} (groups {', '.join(self.groups)})" if self.groups else self.user


def checked(impersonation: Impersonation) -> Impersonation:
    """The same, or UsageError where it cannot be sent as headers or where Kubernetes would refuse it unread."""
    given = (impersonation.uid, *impersonation.groups, *impersonation.extra)
    if not impersonation.user and any(given):
        raise UsageError(
            "impersonating a group, uid or extra without a user is not possible",
            hint="name the user as well (`as` in the kubeconfig, or --as)",
        )
    for _, value in impersonation.headers():
        if not value.isprintable():
            raise UsageError(f"impersonation value {value!r} contains control characters")
    return impersonation


def impersonation_of(user: Mapping[str, Any]) -> Impersonation:
    """What a kubeconfig's user entry asks for: `as`, `as-uid`, `as-groups`, `as-user-extra`."""
    extra = user.get("as-user-extra") or {}
    return checked(
        Impersonation(
            user=str(user.get("as") or ""),
            uid=str(user.get("as-uid") or ""),
            groups=tuple(str(group) for group in user.get("as-groups") or ()),
            extra={str(key): tuple(str(value) for value in values or ()) for key, values in extra.items()},
        )
    )

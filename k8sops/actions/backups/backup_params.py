"""What `backup` is asked for: a selection, a place, how it is read, and what is kept afterwards."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import field_validator, model_validator

from k8sops.actions.backups.hook_rules import HookRule, check_rules, with_hooks
from k8sops.actions.backups.hooks import HookSource
from k8sops.actions.backups.kinds import EPHEMERAL
from k8sops.actions.backups.retaining import RetentionParams
from k8sops.actions.backups.selecting import SelectingParams
from k8sops.backup.names import is_ulid
from k8sops.backup.selection import Selection
from k8sops.core.params import PlainText, option

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


def not_mistaken(name: str) -> str:
    """The name, unless it could be taken for another backup's number or id, or for `latest`. Raises ValueError."""
    if name == "latest" or name.isdigit() or is_ulid(name.upper()):
        raise ValueError(f"{name} means a backup by its number or id, or the newest: take another name")
    return name


class BackupParams(SelectingParams, RetentionParams):
    """A backup."""

    name: PlainText = option(
        "What the backup is called; several may have one name.  [default: cluster and time]", default=""
    )
    repo: PlainText = option(
        "The repository: a name of the configuration, or a URL such as file:///srv/backups.",
        metavar="NAME|URL",
        default="",
    )
    full: bool = option("Read every object, changed or not.", default=False)
    full_every: int = option(
        "Read every object once in so many days, which also checks what the other backups rely on; 0 for never.",
        metavar="DAYS",
        default=7,
        ge=0,
        le=3660,
    )
    hooks: tuple[HookRule, ...] = option(
        "A YAML list of commands to run in pods before and after, as in `- {name: freeze, namespaces: [shop], "
        "selector: app=db, pre: {command: [sh, -c, sync], timeout: 30s, on-error: fail}}`; its content becomes part "
        "of the run or the schedule.",
        metavar="FILE",
        default=(),
    )
    annotated_hooks: Literal["run", "skip"] = option(
        "Whether commands are run that annotations of pods ask for (Velero's and our own).", default="run"
    )
    no_encryption: bool = option("Write to a repository that is not encrypted.", default=False)

    @model_validator(mode="before")
    @classmethod
    def _with_hooks(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "hooks" not in given:
            return given
        said = dict(given)
        hooks = said.pop("hooks")
        listed = [hooks] if isinstance(hooks, str) else list(hooks or ())
        if listed in (["run"], ["skip"]):
            # Schedules may hold the one word, which speaks of annotations.
            return {"annotated_hooks": listed[0]} | said
        return said | {"hooks": with_hooks(listed)}

    @field_validator("hooks")
    @classmethod
    def _hooks_fit(cls, value: tuple[HookRule, ...]) -> tuple[HookRule, ...]:
        check_rules(value)
        return value

    @field_validator("name")
    @classmethod
    def _a_name(cls, value: str) -> str:
        if value and _NAME.fullmatch(value) is None:
            raise ValueError("should be letters, digits, '-', '_' and '.', at most 100")
        return not_mistaken(value)

    @property
    def hooking(self) -> HookSource:
        """Whose hooks are run."""
        return HookSource(annotated=self.annotated_hooks == "run", rules=self.hooks)

    @property
    def selected(self) -> Selection:
        """What is meant, ephemeral kinds left out."""
        return self.selection(ephemeral=EPHEMERAL)

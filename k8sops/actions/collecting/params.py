"""What `logs` is asked for: whose logs, of which time, what else with them, how much, and where it goes.

The words that select are those of `k8sops logs`, which follows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import field_validator, model_validator

from k8sops.actions.collecting.gathering import Window
from k8sops.actions.collecting.quantities import Moment, Size, bytes_of, moment_of
from k8sops.actions.collecting.sources.names import NAMES
from k8sops.core.log_selection import ContainerPhase, LogSelection
from k8sops.core.logs import SECOND_NS
from k8sops.core.object_names import AS_TYPED, object_named
from k8sops.core.params import SEVERAL, Params, PlainText, Seconds, option, positional

REPOSITORY: Final = "repository"
SMALLEST_PART: Final = 1_000_000
_LISTS: Final = ("namespace", "node", "exclude_pod", "exclude_container", "container_state", "include_sources",
                 "exclude_sources")  # fmt: skip


class LogsParams(Params):
    """A bundle."""

    query: tuple[PlainText, ...] = positional(
        f"Pods by a pattern of their names, or {AS_TYPED} for the pods of it, as in deployment/web; all if not given.",
        metavar="[QUERY]...",
        default=(),
    )
    namespace: PlainText = option("Where the pods are; several with commas.", metavar=SEVERAL, default="")
    all_namespaces: bool = option("Pods of all namespaces.", short="A", default=False)
    selector: PlainText = option("Pods by label, as in `app=web`.", short="l", default="")
    field_selector: PlainText = option("Pods by field, as in `status.phase=Running`.", default="")
    node: tuple[PlainText, ...] = option("Pods on these nodes.", metavar="NODE", default=())
    exclude_pod: tuple[PlainText, ...] = option(
        "No pods whose names match this.", metavar="PATTERN", default=()
    )
    container: PlainText = option(
        "Containers whose names match this.", short="c", metavar="PATTERN", default=""
    )
    exclude_container: tuple[PlainText, ...] = option(
        "No containers whose names match this.", short="E", metavar="PATTERN", default=()
    )
    container_state: tuple[ContainerPhase, ...] = option(
        "Containers in these states: running, waiting, terminated.", metavar="STATE", default=()
    )
    no_init_containers: bool = option("Leave out containers that start a pod.", default=False)
    no_ephemeral_containers: bool = option("Leave out containers added for debugging.", default=False)
    since: Moment = option(
        "From when on: how long ago, or a moment such as 2026-11-22T17:00Z.", metavar="WHEN", default="1h"
    )
    until: Moment = option(
        "Until when, in the same words; until it is collected if not given.", metavar="WHEN", default=""
    )
    tail: int = option(
        "At most so many lines at the end of each container's log; 0 for all.", metavar="N", default=0, ge=0
    )
    no_previous: bool = option("Leave out what containers logged before their last restart.", default=False)
    include_sources: tuple[PlainText, ...] = option(
        f"Only these sources: {', '.join(NAMES)}.", metavar="SOURCE", default=()
    )
    exclude_sources: tuple[PlainText, ...] = option("All sources but these.", metavar="SOURCE", default=())
    limit_per_file: Size = option(
        "The most of one log, or of any other file.", metavar="SIZE", default="20MB"
    )
    limit: Size = option("The most of all files together, uncompressed.", metavar="SIZE", default="2GB")
    within: Seconds = option(
        "How long it may take; what has come by then is bundled, what is missing is listed.",
        metavar="DURATION",
        default=600,
        ge=1,
        le=86_400,
    )
    format: Literal["tar.zst", "folder"] = option(
        "One archive, or a folder of plain files.", default="tar.zst"
    )
    split_size: Size = option(
        "Cut the archive into parts of at most this size; `cat` joins them.", metavar="SIZE", default=""
    )
    to: PlainText = option(
        "Where it goes: a folder, written with a slash, or `repository` or `repository:NAME`.  "
        "[default: the folder bundles beside the store]",
        metavar="LOCATION",
        default="",
    )
    no_redact: bool = option("Leave secrets in it as they are.", default=False)

    @model_validator(mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        """Lists may be given several times, or once with commas."""
        if not isinstance(given, dict):
            return given
        said = dict(given)
        for field in _LISTS:
            value = said.get(field)
            if field != "namespace" and value:
                texts = [value] if isinstance(value, str) else list(value)
                said[field] = tuple(
                    part.strip() for text in texts for part in str(text).split(",") if part.strip()
                )
        return said

    @field_validator("include_sources", "exclude_sources")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in NAMES:
                raise ValueError(f"there is no source {name!r}; there are {', '.join(NAMES)}")
        return value

    @field_validator("to")
    @classmethod
    def _a_place(cls, value: str) -> str:
        """A folder becomes absolute here, where it is typed: whoever carries the run stands elsewhere."""
        if not value or value.partition(":")[0] == REPOSITORY:
            return value
        if "/" not in value:
            raise ValueError(f"is a folder written with a slash, as in ./{value}, or `{REPOSITORY}`")
        return str(Path(value).expanduser().absolute())

    @model_validator(mode="after")
    def _can_be(self) -> LogsParams:
        named = [one for one in self.query if "/" in one]
        if named and len(named) < len(self.query):
            raise ValueError(f"give {named[0]} and others by KIND/NAME, or pods by patterns, one of the two")
        if other := next((one for one in named if object_named(one) is None), ""):
            raise ValueError(f"{other!r} names no workload: write {AS_TYPED}, as in deployment/web")
        if self.split_size and bytes_of(self.split_size) < SMALLEST_PART:
            raise ValueError("parts should have 1MB or more")
        if self.format == "folder" and (self.split_size or self.in_repository):
            raise ValueError("a folder is neither split nor kept in a repository: take tar.zst")
        if self.in_repository and self.split_size:
            raise ValueError("what goes to a repository is not split: it is stored in parts anyway")
        now = datetime.now(UTC)
        if self.until and moment_of(self.until, now) <= moment_of(self.since, now):
            raise ValueError("the window ends before it begins: --until lies behind --since")
        if not self.sources:
            raise ValueError("no source is left: there would be nothing in it")
        return self

    @property
    def in_repository(self) -> bool:
        """Whether it goes to a repository."""
        return self.to.partition(":")[0] == REPOSITORY

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that are wanted."""
        wanted = self.include_sources or tuple(NAMES)
        return tuple(name for name in NAMES if name in wanted and name not in self.exclude_sources)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where what is looked for is; empty is everywhere."""
        return self.selection.places

    @property
    def _own(self) -> tuple[str, ...]:
        """Where what is named without a namespace is."""
        if self.all_namespaces:
            return ()
        return tuple(part.strip() for part in self.namespace.split(",") if part.strip()) or ("default",)

    @property
    def selection(self) -> LogSelection:
        """Whose logs."""
        named = bool(self.query) and "/" in self.query[0]
        patterns = (
            "|".join(f"(?:{one})" for one in self.query) if len(self.query) > 1 else "".join(self.query)
        )
        return LogSelection(
            namespaces=self._own,
            workloads=self.query if named else (),
            pods="" if named else patterns,
            exclude_pods=self.exclude_pod,
            labels=self.selector,
            fields=self.field_selector,
            nodes=self.node,
            containers=self.container,
            exclude_containers=self.exclude_container,
            init=not self.no_init_containers,
            ephemeral=not self.no_ephemeral_containers,
            phases=self.container_state,
        )

    def window(self, asked_at: datetime, now: datetime) -> Window:
        """The time that is meant; what is said relatively counts from when the plan was made."""
        since = moment_of(self.since, asked_at)
        until = moment_of(self.until, asked_at) if self.until else now
        return Window(_ns(since), _ns(until))


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND_NS + moment.microsecond * 1000

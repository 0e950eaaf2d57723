"""What a scale is asked to do: workloads and a number, a whole namespace to zero, or exactly what was recorded."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from pydantic import field_validator, model_validator

from k8sops.core.object_names import AS_TYPED, object_named
from k8sops.core.params import KIND_AND_NAME, ObjectName, Params, PlainText, Seconds, option, positional

MOST_REPLICAS: Final = 2**31 - 1
_RELATIVE: Final = re.compile(r"[+-]\d{1,9}|\d{1,5}%")

Autoscaler = Literal["refuse", "bounds", "pin", "ignore"]


class ScaleParams(Params):
    """What to scale, and to how many."""

    targets: tuple[PlainText, ...] = positional(
        f"Workloads as {AS_TYPED}, or a kind with --selector.",
        metavar="KIND/NAME...",
        names=KIND_AND_NAME,
        default=(),
    )
    replicas: int | str | None = option(
        "How many replicas to run: 5, +2, -1, or 50% of what runs now (rounded up).",
        metavar="N|±N|N%",
        default=None,
    )
    namespace: ObjectName = option(
        "Where the workloads are that are named without a namespace.", default="default"
    )
    selector: PlainText = option("Workloads of the kind by label, as in `app=web`.", short="l", default="")
    to_zero: bool = option(
        "Everything in the namespace to zero, CronJobs suspended; all of it recorded for --restore.",
        default=False,
    )
    restore: PlainText = option("Bring back exactly what a run recorded: its id.", metavar="RUN", default="")
    exactly: tuple[PlainText, ...] = option(
        "Several values at once, as a run records them: KIND/NAME=VALUE, with or without a namespace in front.",
        metavar="KIND/NAME=VALUE",
        names=KIND_AND_NAME,
        default=(),
    )
    autoscaler: Autoscaler = option(
        "Where an HPA or KEDA owns the replicas: refuse, move its bounds, pin it to this number, or ignore it.",
        default="refuse",
    )
    allow_pending: bool = option(
        "Go on although some pods would never be made, or find no node.", default=False
    )
    timeout: Seconds = option(
        "How long to wait for the replicas to be ready, as in 90s or 5m.",
        metavar="DURATION",
        default=300,
        ge=1,
        le=86_400,
    )

    @model_validator(mode="before")
    @classmethod
    def _one_target(cls, given: Any) -> Any:
        """Take `target`, in the singular, for the only one of `targets`."""
        if isinstance(given, dict) and "target" in given and not given.get("targets"):
            return {key: value for key, value in given.items() if key != "target"} | {
                "targets": [given["target"]]
            }
        return given

    @field_validator("replicas", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        text = str(value).strip() if value is not None else ""
        if not text:
            return None
        if text.isascii() and text.isdigit():
            digits = text.lstrip("0") or "0"
            if len(digits) > len(str(MOST_REPLICAS)) or int(digits) > MOST_REPLICAS:
                raise ValueError(f"should be at most {MOST_REPLICAS}, the most an API server takes")
            return int(digits)
        if not _RELATIVE.fullmatch(text):
            raise ValueError("should be a number from 0 on, +N or -N, or a percentage such as 50%")
        return text

    @model_validator(mode="after")
    def _one_way(self) -> ScaleParams:
        ways = {
            "--replicas": self.replicas is not None,
            "--to-zero": self.to_zero,
            "--restore": bool(self.restore),
            "--exactly": bool(self.exactly),
        }
        given = [way for way, is_given in ways.items() if is_given]
        if len(given) != 1:
            raise ValueError(
                f"give one of {', '.join(ways)}{': not ' + ' and '.join(given) if given else ''}"
            )
        if self.replicas is None:
            if self.targets and not self.to_zero:
                raise ValueError(f"{given[0]} names its workloads itself")
            if self.selector and not self.to_zero:
                raise ValueError(f"--selector says nothing beside {given[0]}")
            return self
        if not self.targets:
            raise ValueError("name at least one workload as KIND/NAME, or a kind with --selector")
        named = [target for target in self.targets if "/" in target]
        if self.selector and named:
            raise ValueError(f"give {named[0]} by name or kinds with --selector, one of the two")
        other = next((target for target in self.targets if object_named(target) is None), "")
        if other and not self.selector:
            raise ValueError(f"{other!r} does not name a workload: write {AS_TYPED}, as in deployment/web")
        return self


def wanted_replicas(asked: int | str, present: int) -> int:
    """The number meant by `5`, `+2`, `-1` or `50%`; never below zero, a percentage rounded up."""
    if isinstance(asked, int):
        return asked
    if asked.endswith("%"):
        return -(-present * int(asked[:-1]) // 100)
    return max(0, present + int(asked))

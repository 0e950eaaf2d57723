"""What can be asked for: each fault with its parameters, its bounds, and the sentence that says what it does.

Every fault ends by itself. msgspec reads them from the command's request and checks every bound.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from k8sops.core.errors import UsageError

CONTROL: Final = "/.k8sops/chaos"
"""Where the chaos process takes requests; no API server has such a path."""
DEFAULT_SECONDS: Final = 300
PAUSE_SECONDS: Final = 30
MOST_SECONDS: Final = 3600
MOST_PAUSE_SECONDS: Final = 600
MOST_DELAY_SECONDS: Final = 60

Seconds = Annotated[float, Meta(gt=0, le=MOST_SECONDS)]
Delay = Annotated[float, Meta(ge=0, le=MOST_DELAY_SECONDS)]
Share = Annotated[float, Meta(gt=0, le=1)]

NodeTrouble = Literal["not-ready", "unreachable", "vanish"]


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """One fault: how long it lasts at most, in seconds."""

    seconds: Seconds = DEFAULT_SECONDS


class OfRequests(Spec, frozen=True, kw_only=True):
    """A fault of requests that go through the proxy."""

    share: Share = 1.0
    path: str = ""
    """A regular expression, searched in path and query."""
    method: str = ""

    @property
    def which(self) -> str:
        """The requests it befalls, in words."""
        those = f"{self.method} requests" if self.method else "requests"
        of = "all" if self.share >= 1 else f"{self.share:.0%} of"
        return f"{of} {those}" + (f" matching {self.path!r}" if self.path else "")


class Latency(OfRequests, frozen=True, kw_only=True, tag="latency"):
    """Requests, and events of watches, come late."""

    latency: Annotated[float, Meta(gt=0, le=MOST_DELAY_SECONDS)]
    jitter: Delay = 0.0


class Throttle(OfRequests, frozen=True, kw_only=True, tag="throttle"):
    """Requests are answered 429 with Retry-After."""

    retry_after: Annotated[int, Meta(ge=0, le=600)] = 1


class Errors(OfRequests, frozen=True, kw_only=True, tag="errors"):
    """Requests are answered with a server error."""

    status: Annotated[int, Meta(ge=500, le=599)] = 503


class Reset(OfRequests, frozen=True, kw_only=True, tag="reset"):
    """Connections are reset before the request goes on."""


class Watches(Spec, frozen=True, kw_only=True, tag="watches"):
    """Running watches end, at once and again every so many seconds (0: at once and no more)."""

    how: Literal["cut", "expire"]
    every: Annotated[float, Meta(ge=0, le=MOST_SECONDS)] = 0.0


class Pause(Spec, frozen=True, kw_only=True, tag="pause"):
    """A process of the control plane is stopped (SIGSTOP): it hangs, and loses nothing."""

    component: str
    seconds: Annotated[float, Meta(gt=0, le=MOST_PAUSE_SECONDS)] = PAUSE_SECONDS


class Nodes(Spec, frozen=True, kw_only=True, tag="nodes"):
    """Nodes are in trouble: those named, and those of a zone."""

    trouble: NodeTrouble
    names: tuple[str, ...] = ()
    zone: str = ""


AnySpec = Latency | Throttle | Errors | Reset | Watches | Pause | Nodes


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault in force."""

    id: str
    spec: AnySpec
    text: str
    began: str
    until: str
    """Both RFC 3339."""
    hits: int = 0
    """Requests or watches it has befallen."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that is in force, and what runs through the proxy."""

    faults: tuple[Fault, ...] = ()
    watches: int = 0


def read_spec(body: bytes) -> AnySpec:
    """The fault that was asked for. Raises UsageError naming what is wrong with it."""
    try:
        spec: AnySpec = msgspec.json.decode(body, type=AnySpec)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"this fault cannot be made: {error}", hint="`--help` shows what each takes"
        ) from error
    if isinstance(spec, OfRequests):
        try:
            re.compile(spec.path)
        except re.error as error:
            raise UsageError(
                f"this fault cannot be made: {spec.path!r} is no regular expression: {error}",
                hint="--path takes one; put a backslash before a sign that is meant as such",
            ) from error
    return spec


def describe(spec: AnySpec) -> str:
    """One sentence without its time."""
    if isinstance(spec, OfRequests):
        return f"{spec.which} {_of_requests(spec)}"
    match spec:
        case Watches():
            end = "cut" if spec.how == "cut" else "ended by 410 Expired"
            return f"running watches {end} every {spec.every:g} s"
        case Pause():
            return f"{spec.component} stopped (SIGSTOP)"
        case Nodes():
            return f"{spec.trouble}: {', '.join(spec.names)}"


def _of_requests(spec: OfRequests) -> str:
    match spec:
        case Latency():
            jitter = f" ± {spec.jitter * 1000:.0f}" if spec.jitter else ""
            return f"and events of their watches {spec.latency * 1000:.0f}{jitter} ms late"
        case Throttle():
            return f"answered 429, Retry-After {spec.retry_after}"
        case Errors():
            return f"answered {spec.status}"
        case _:
            return "cut off before they arrive"

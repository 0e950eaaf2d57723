"""The kubelet's nanoseconds as people read them, in a time zone; a second is worked out once for all its lines."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final, Literal

from k8sops.core.errors import UsageError
from k8sops.core.logs import SECOND_NS

Stamp = Literal["default", "short", "clock"]
_FORMS: Final = {"default": "%Y-%m-%dT%H:%M:%S", "short": "%m-%d %H:%M:%S", "clock": "%H:%M:%S"}


def zone_named(name: str) -> tzinfo | None:
    """`Local` (None), `UTC`, or a name such as Europe/Berlin. Raises UsageError for any other."""
    if name.lower() == "local":
        return None
    if name.upper() == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UsageError(
            f"there is no time zone {name!r}", hint="as in Local, UTC or Europe/Berlin"
        ) from error


class Times:
    """Writes moments in one form and one zone: `2026-11-22T17:30:01.000000123Z`, `11-22 17:30:01`, `17:30:01.123`."""

    def __init__(self, form: Stamp, zone: tzinfo | None) -> None:
        self._form: Final = form
        self._zone: Final = zone
        self._second = -1
        self._head = self._tail = ""

    def of(self, at: int) -> str:
        """The moment; one that is not known is a dash."""
        if not at:
            return "-"
        second = at // SECOND_NS
        if second != self._second:
            moment = datetime.fromtimestamp(second, UTC).astimezone(self._zone)
            self._second, self._head = second, moment.strftime(_FORMS[self._form])
            self._tail = moment.isoformat()[19:].replace("+00:00", "Z")
        if self._form == "default":
            return f"{self._head}.{at % SECOND_NS:09d}{self._tail}"
        return f"{self._head}.{at % SECOND_NS // 1_000_000:03d}" if self._form == "clock" else self._head

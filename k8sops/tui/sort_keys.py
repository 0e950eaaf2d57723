"""What a printed cell is worth when a column is sorted: numbers, ratios, ages, quantities and addresses by value.

Keys of one column always compare with each other, whatever mixture of forms its cells hold. A cell that says
"nothing here" has no key: such rows stay at the end in either direction.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final

from k8sops.core.durations import parse_duration

SortKey = tuple[int, tuple[float, ...], str]

_NUMBER, _ADDRESS, _TEXT = 0, 1, 2
_EMPTY = frozenset({"", "-", "<none>", "<unknown>", "<unset>", "<invalid>", "<pending>", "n/a"})

_KEPT: Final = 4096
"""Most columns say the same few things in thousands of rows."""

_PLAIN = re.compile(r"-?\d+(?:\.\d+)?%?")
_COUNT_AGO = re.compile(r"(\d+) \((\S+) ago\)")
_RATIO = re.compile(r"(\d+)/(\d+)")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(n|u|m|k|[KMGTPE]i?)")
_ADDRESS_LIKE = re.compile(r"[0-9a-fA-F:.]+(?:/\d+)?")
_IPV4 = re.compile(r"\.".join([r"(0|[1-9][0-9]{0,2})"] * 4))
_DIGITS = re.compile(r"[0-9]+")
_DIGITS_PADDED = 20

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_SUFFIX = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    **{letter: 1000.0 ** (power + 1) for power, letter in enumerate("KMGTPE")},
    **{f"{letter}i": 1024.0 ** (power + 1) for power, letter in enumerate("KMGTPE")},
}


@lru_cache(maxsize=_KEPT)
def sort_key(cell: str, *, holds_durations: bool = False) -> SortKey | None:
    """The value of a cell, or None where it holds nothing.

    `holds_durations` settles `100m`, which is minutes in an age column and a tenth of a CPU elsewhere.
    """
    text = cell.strip()
    if text.lower() in _EMPTY:
        return None
    if text[0].isdigit() or text[0] in "-:" or ":" in text:
        value = _numeric(text, holds_durations=holds_durations)
        if value is not None:
            return value
    return (_TEXT, (), natural(text))


def natural(text: str) -> str:
    """Text padded so that web-2 sorts before web-10, without regard to case.

    One string, since Python compares strings several times faster than tuples of their parts.
    """
    return _DIGITS.sub(_padded, text.casefold())


def _padded(digits: re.Match[str]) -> str:
    return digits[0].zfill(_DIGITS_PADDED)


def _numeric(text: str, *, holds_durations: bool) -> SortKey | None:
    numbers: tuple[float, ...] | None = None
    if match := _PLAIN.fullmatch(text):
        numbers = (float(text.removesuffix("%")),)
    elif match := _RATIO.fullmatch(text):
        numbers = _completeness(int(match[1]), int(match[2]))
    elif match := _COUNT_AGO.fullmatch(text):
        # Of equal restart counts, the more recent is the greater trouble.
        numbers = (float(match[1]), -(parse_duration(match[2]) or 0.0))
    elif not holds_durations and (match := _QUANTITY.fullmatch(text)):
        numbers = (float(match[1]) * _SUFFIX[match[2]],)
    elif (seconds := parse_duration(text)) is not None:
        numbers = (seconds,)
    return (_NUMBER, numbers, "") if numbers is not None else _address(text)


def _completeness(ready: int, wanted: int) -> tuple[float, ...]:
    """1/2 before 2/2 and 0/3 before both: what lacks most comes first; 0/0 lacks nothing."""
    return (ready / wanted if wanted else 1.0, float(wanted))


def _address(text: str) -> SortKey | None:
    if match := _IPV4.fullmatch(text):
        # The address of every pod; the library takes a quarter of a second for ten thousand.
        first, second, third, fourth = (int(part) for part in match.groups())
        if max(first, second, third, fourth) < 256:
            number = float((first << 24) | (second << 16) | (third << 8) | fourth)
            return (_ADDRESS, (4.0, 0.0, 0.0, 0.0, number, 32.0), "")
    if not _ADDRESS_LIKE.fullmatch(text) or not ("." in text or text.count(":") > 1):
        return None
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        return None
    # An IPv6 address is wider than a float's 53 bits, so it is compared in four 32-bit words.
    number = int(interface.ip)
    words = tuple(float((number >> shift) & 0xFFFFFFFF) for shift in (96, 64, 32, 0))
    return (_ADDRESS, (float(interface.version), *words, float(interface.network.prefixlen)), "")

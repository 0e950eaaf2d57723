"""JSON values as YAML that every reader takes for the same, for objects by the hundred thousand.

Block style as kubectl writes it, and of YAML only what 1.1 and 1.2 agree on: text is quoted wherever one reader might
take it for something else, several lines are a literal block where no reader can stumble, nothing is folded. Written
here because PyYAML makes an event of every scalar: it takes eight times as long for the same text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9/._-]*(?: [A-Za-z0-9/._-]+)*")
# Every word that some YAML reader takes for something else than text: kubectl's reads YAML 1.1, with exceptions.
_WORDS: Final = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf", "infinity"}
)
# What may not stand in a document as it is (YAML 1.1, 5.1), or ends a line for some reader.
_ODD: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_NO_BLOCK: Final = re.compile(r"\A\s|^\t|[ \t]$|\n\n\Z", re.MULTILINE)
_DEEPEST: Final = 100
_LONGEST_KEY: Final = 512
"""Characters; a reader looks no further than 1024 for the colon behind a key (YAML 1.1, 7.4.2)."""


class _CannotError(Exception):
    """It has no block style that all read."""


def yaml_text(found: dict[str, Any]) -> str:
    """The object as YAML. What is nested too deeply for block style is written as JSON, which is YAML, too."""
    out: list[str] = []
    try:
        _mapping(found, "", out)
    except _CannotError:
        return msgspec.json.encode(found).decode() + "\n"
    return "".join(out) or "{}\n"


def _mapping(found: dict[str, Any], indent: str, out: list[str], first: str | None = None) -> None:
    """Its lines; the first one begins with `first`, the others with the indent."""
    _check_depth(indent)
    begin = indent if first is None else first
    for key, value in found.items():
        out.append(f"{begin}{_key(key)}:")
        begin = indent
        if value.__class__ is dict and value:
            out.append("\n")
            _mapping(value, f"{indent}  ", out)
        elif value.__class__ is list and value:
            out.append("\n")
            _list(value, indent, out)
        else:
            out.append(f" {_scalar(value, indent)}\n")


def _check_depth(indent: str) -> None:
    if len(indent) > 2 * _DEEPEST:
        raise _CannotError


def _list(found: list[Any], indent: str, out: list[str], first: str | None = None) -> None:
    _check_depth(indent)
    begin = indent if first is None else first
    inner = f"{indent}  "
    for value in found:
        if value.__class__ is dict and value:
            _mapping(value, inner, out, f"{begin}- ")
        elif value.__class__ is list and value:
            _list(value, inner, out, f"{begin}- ")
        else:
            out.append(f"{begin}- {_scalar(value, indent)}\n")
        begin = indent


@lru_cache(maxsize=4096)
def _key(text: str) -> str:
    """The same few stand in every object."""
    if len(text) > _LONGEST_KEY:
        raise _CannotError
    return _text(text)


def _scalar(value: Any, indent: str) -> str:
    if value.__class__ is str:
        return _block(value, f"{indent}  ") if "\n" in value else _text(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if value.__class__ is float:
        return _number(value)
    return str(value) if value.__class__ is int else ("{}" if value.__class__ is dict else "[]")


def _number(value: float) -> str:
    """YAML 1.1 takes no number for one that has an exponent and no point."""
    mantissa, mark, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}{mark}{exponent}" if mark else mantissa


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = msgspec.json.encode(text).decode()
    return quoted if quoted.isascii() and "\x7f" not in quoted else _ODD.sub(_escape, quoted)


def _block(text: str, indent: str) -> str:
    if _ODD.search(text) or _NO_BLOCK.search(text):
        return _text(text)
    body = "\n".join(f"{indent}{line}" if line else "" for line in text.removesuffix("\n").split("\n"))
    return f"|{'' if text.endswith(chr(10)) else '-'}\n{body}"


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"

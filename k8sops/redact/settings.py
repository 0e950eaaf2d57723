"""What a team adds to the rules, compiled: patterns of its own, values that are no secrets, e-mail and IP addresses.

Patterns run on the linear engine only, and never beyond a line. One that cannot is refused with its name when the
redactor is made, not when the first log line comes.
"""

from __future__ import annotations

import re
from typing import Final

from k8sops.core.errors import UsageError
from k8sops.core.redaction import RedactionRule, RedactionSettings
from k8sops.redact.linear import LinearPattern, PatternError

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_WHOLE_TEXT: Final = re.compile(r"\\[AzZC]|\(\?[a-zA-Z]*-[a-zA-Z]*m")
_LONGEST: Final = 1000
_EMAIL: Final = r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_IPV4: Final = rf"\b{_OCTET}(?:\.{_OCTET}){{3}}\b"
_IPV6: Final = (
    r"(?i:\b(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}\b|\b(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6}\b)"
)
_HINT: Final = "RE2's syntax: no look-around and no back-references, so that no text can make it slow"
# They name no machine.
_NOWHERE: Final = frozenset({b"127.0.0.1", b"0.0.0.0", b"255.255.255.255"})


class OwnRule:
    """A rule, compiled."""

    def __init__(self, name: str, pattern: str, spared: frozenset[bytes] = frozenset()) -> None:
        self.name: Final = name
        self._pattern: Final = LinearPattern(f"(?m:{pattern})", groups=True, within_lines=True)
        self._spared: Final = spared
        if self._pattern.groups > 1:
            raise PatternError(
                "at most one group may say what of the match is the secret: (?:…) groups without saying"
            )
        if self._pattern.search(b"", 0, 0) is not None:
            raise PatternError("it matches where there is nothing")

    def next_in(self, data: bytes, at: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """The next match and what of it is the secret, which may be nothing."""
        found = self._pattern.search_groups(data, at)
        if found is None:
            return None
        whole, secret = found[0], found[-1]
        return whole, (whole[1], whole[1]) if secret[0] < 0 or data[
            slice(*secret)
        ] in self._spared else secret


class Allowed:
    """Values that are left where they are."""

    def __init__(self, settings: RedactionSettings) -> None:
        self._values: Final = frozenset(value.encode("utf-8", "surrogatepass") for value in settings.allow)
        self._patterns: Final = [_spare(pattern) for pattern in settings.allow_patterns]

    def __contains__(self, secret: bytes) -> bool:
        return secret in self._values or any(pattern.is_all_of(secret) for pattern in self._patterns)


def own_rules(settings: RedactionSettings) -> list[OwnRule]:
    """The team's rules in their order, then addresses. Raises UsageError naming the rule that cannot be used."""
    rules = [_own(rule) for rule in settings.rules]
    if settings.emails:
        rules.append(OwnRule("email", _EMAIL))
    if settings.addresses:
        rules += [OwnRule("ip-address", _IPV4, _NOWHERE), OwnRule("ip-address", _IPV6)]
    return rules


def _own(rule: RedactionRule) -> OwnRule:
    if not _NAME.match(rule.name):
        raise UsageError(
            f"{rule.name!r} is no name of a redaction rule: small letters, digits and hyphens, at most 40",
            hint="it stands in reports, beside how many secrets the rule took out",
        )
    if _WHOLE_TEXT.search(rule.pattern) or len(rule.pattern) > _LONGEST:
        raise UsageError(
            f"the redaction rule {rule.name} is not used: longer than {_LONGEST} characters, or reaching beyond a line",
            hint="^ and $ stand for the ends of a line; \\A, \\z and (?-m) are not taken",
        )
    try:
        return OwnRule(rule.name, rule.pattern)
    except PatternError as error:
        raise UsageError(f"the redaction rule {rule.name} is not used: {error}", hint=_HINT) from error


def _spare(pattern: str) -> LinearPattern:
    try:
        return LinearPattern(pattern)
    except PatternError as error:
        raise UsageError(
            f"the pattern {pattern!r} of allowed values is not used: {error}", hint=_HINT
        ) from error

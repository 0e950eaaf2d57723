"""Takes secrets out of text: a sentence, a file, a stream of bytes. What the doors, the audit and the bundles use.

In place of a secret stands `redacted:` and a keyed digest of it: the same secret is the same token wherever it stands,
and without the key a token can be compared with nothing. Works by whole lines, so that it does not matter how a stream
is cut; a secret that spans lines is followed from line to line.
"""

from __future__ import annotations

from threading import Lock
from typing import Final

from k8sops.core.redaction import RedactionSettings, TextForm
from k8sops.redact.redactor import MARK, KeyedRedactor
from k8sops.redact.scan import Scanner
from k8sops.redact.seen import Seen
from k8sops.redact.settings import Allowed, own_rules
from k8sops.redact.stream import RedactingStream

# As much of a digest as keeps the secrets of one bundle apart; it begins like the one in the audit.
_DIGITS: Final = 12
_SENTENCE: Final = 1 << 14


class TextRedactor:
    """Takes secrets out of texts, under the key of a `KeyedRedactor`. One for many texts and threads.

    The rules are compiled for the first text, which takes a tenth of a second. Raises UsageError where a rule of the
    settings cannot be used.
    """

    def __init__(self, digests: KeyedRedactor, settings: RedactionSettings | None = None) -> None:
        self._digests: Final = digests
        chosen = settings or RedactionSettings()
        self._own: Final = own_rules(chosen)
        self._allowed: Final = Allowed(chosen)
        self._making: Final = Lock()
        self._scanner: Scanner | None = None

    def __repr__(self) -> str:
        return "TextRedactor()"

    def redact(self, text: str) -> str:
        """The text without its secrets; once redacted, it stays as it is."""
        if self._has_none(text):
            return text
        stream = self.stream()
        done = stream.feed(text.encode("utf-8", "surrogatepass")) + stream.finish()
        return done.decode("utf-8", "surrogatepass")

    def stream(self, form: TextForm = TextForm.WHOLE) -> RedactingStream:
        """For one file or stream: `feed` it piece by piece, then `finish`."""
        return RedactingStream(self._compiled(), self._own, self._allowed, self._token, form)

    def _has_none(self, text: str) -> bool:
        """Whether nothing in it is worth a look, as in most sentences; that is known in a few microseconds."""
        if len(text) > _SENTENCE:
            return False
        data = Seen(text.encode("utf-8", "surrogatepass")).text
        return self._compiled().next_place(data, 0, len(data)) is None and not any(
            rule.next_in(data, 0) for rule in self._own
        )

    def _compiled(self) -> Scanner:
        with self._making:
            if self._scanner is None:
                self._scanner = Scanner()
            return self._scanner

    def _token(self, secret: bytes) -> bytes:
        digest = self._digests.digest(secret.decode("utf-8", "surrogateescape"))
        return digest[: len(MARK) + _DIGITS].encode()

"""One stream of bytes, in pieces: what has been read of it and not yet let go, and what is expected of its next lines.

What comes out is the same however it was cut on the way in, because only whole lines are looked at. A line too long to
be held is withheld whole: it cannot be looked through, so it is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from k8sops.core.redaction import TextForm
from k8sops.redact.finding import Following, Hit, Line, Looked, Place, Told
from k8sops.redact.lines_after import KeyBody
from k8sops.redact.report import Tally
from k8sops.redact.scan import Scanner
from k8sops.redact.secret_objects import PerhapsSecret, SecretData
from k8sops.redact.seen import Seen
from k8sops.redact.settings import Allowed, OwnRule

LINE_LIMIT: Final = 16 << 20
_MARK: Final = b"redacted:"
_TOKEN: Final = re.compile(_MARK + rb"[0-9a-f]{12,32}(?![0-9A-Za-z])")
WITHHELD: Final = b"[redacted: a line of more than 16 MiB]"


class RedactingStream:
    """Made by `TextRedactor.stream`, for one file or stream; not to be shared between threads."""

    def __init__(
        self,
        scanner: Scanner,
        own: Sequence[OwnRule],
        allowed: Allowed,
        token: Callable[[bytes], bytes],
        form: TextForm = TextForm.WHOLE,
    ) -> None:
        self.tally: Final = Tally()
        """What was taken out so far."""
        self._scanner: Final = scanner
        self._own: Final = own
        self._allowed: Final = allowed
        self._token: Final = token
        self._lead: Final = scanner.leads.get(form)
        self._key: KeyBody | None = None if form is TextForm.WHOLE else KeyBody(headless=True)
        self._begun: Final[list[bytes]] = []
        self._begun_size = 0
        self._line = 1
        self._following: Following | None = None
        self._secret_at = self._secrets_at = -1

    def feed(self, data: bytes) -> bytes:
        """Take the next piece; of what was given so far, that which is certain by now comes back."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._begin(data)
            return b""
        first = data.find(b"\n") + 1
        self._begin(data[:first])
        block = self._ended() + _short_lines(data[first:end])
        self._begin(data[end:])
        return self._lines(self._by_own_rules(block))

    def finish(self) -> bytes:
        """The stream is over: the rest of it comes back."""
        out = [self._lines(self._by_own_rules(self._ended()))]
        while isinstance(self._following, PerhapsSecret):
            out.append(self._let_go(self._following))
        return b"".join(out)

    def _begin(self, data: bytes) -> None:
        """A part of a line; of one that is too long nothing is kept."""
        self._begun_size += len(data) - data.endswith(b"\n")
        if self._begun_size > LINE_LIMIT:
            self._begun[:] = [b"\n"] if data.endswith(b"\n") else []
        elif data:
            self._begun.append(data)

    def _ended(self) -> bytes:
        too_long = self._begun_size > LINE_LIMIT
        line = b"".join(self._begun)
        self._begun.clear()
        self._begun_size = 0
        return WITHHELD + line if too_long else line

    def _by_own_rules(self, data: bytes) -> bytes:
        """The team's rules come first: whatever they leave is looked at by the built-in ones."""
        for rule in self._own:
            block = _Block(data)
            line = self._line
            while (found := rule.next_in(block.data, block.at)) is not None:
                (_, end), (start, stop) = found
                secret = block.data[start:stop]
                if secret and secret not in self._allowed:
                    line += block.data.count(b"\n", block.counted, start)
                    block.counted = start
                    block.replace(start, stop, self._token(secret))
                    self.tally.add(rule.name, line)
                block.at = max(end, block.at + 1)
            data = block.ended()
        return data

    def _lines(self, data: bytes) -> bytes:
        """Whole lines, of which only the stream's last may be without an end."""
        block = _Block(data)
        while block.at < len(block.data):
            if self._following is not None:
                self._followed(block, self._following)
            else:
                self._scan_on(block)
        self._line += block.data.count(b"\n", block.counted)
        return block.ended()

    def _followed(self, block: _Block, following: Following) -> None:
        """One line of which something was expected; what it does not have is scanned like any other."""
        end = block.line_end(block.at)
        start = self._behind_lead(block.data, block.at)
        line = block.data[start:end]
        if isinstance(following, PerhapsSecret):
            if following.keeps(line, block.written(block.at, end)):
                self._line += block.data.count(b"\n", block.counted, end)
                block.skip(end)
                return
            block.out.append(self._let_go(following))
            return
        hits = following.hits(line)
        if hits is None or following.once:
            self._following = None
        if hits is None:
            self._scan_on(block)
        else:
            self._put_all(block, hits, start, end)

    def _scan_on(self, block: _Block) -> None:
        """Like any text; within a private key a line at a time, of which those of the key are its secret."""
        key = self._key
        if key is None:
            self._scan(block, len(block.data))
            return
        end = block.line_end(block.at)
        start = self._behind_lead(block.data, block.at)
        hits = key.hits(block.data[start:end])
        if key.over:
            self._key = None
        if hits is None:
            self._scan(block, end)
        else:
            self._put_all(block, hits, start, end)

    def _put_all(self, block: _Block, hits: Sequence[Hit], start: int, end: int) -> None:
        """What was found in a line from `start` to `end`, which is done with."""
        for hit in hits:
            self._put(block, hit._replace(start=hit.start + start, end=hit.end + start))
        block.at = end

    def _let_go(self, perhaps: PerhapsSecret) -> bytes:
        """What was kept back below a `data:`, now that its kind is known or will never be."""
        kept = b"".join(perhaps.kept)
        self._line -= kept.count(b"\n")
        self._following = SecretData(perhaps.indent, perhaps.encoded) if perhaps.is_secret else None
        self._secret_at = perhaps.indent if perhaps.is_secret else -1
        return self._lines(kept)

    def _scan(self, block: _Block, limit: int) -> None:
        """To a line's end: the one asked for, or one of which something follows on the next."""
        data, begin = block.data, 0
        line: Line | None = None
        self._following = None
        while (found := self._scanner.next_place(data, block.at, limit)) is not None:
            start, end = found
            further = start + 1
            if line is None or end > line.end:
                begin = data.rfind(b"\n", 0, max(start, end - 1)) + 1
                line = Line(data, self._behind_lead(data, begin), block.line_end(end - 1))
            if start == begin < line.start < end:
                # What else begins there was not asked for: the lead belongs to signs of a line's beginning alone.
                start = further = line.start
            looked = self._scanner.look(Place(data, start, end, block.done, line))
            hits = [_before_a_key(data, hit) for hit in looked.hits]
            for hit in hits:
                if block.done <= hit.start < hit.end:
                    self._put(block, hit)
            if self._expects(looked):
                limit = line.end
            # Inside a place that was nothing something may begin.
            block.at = max(block.done, end, hits[-1].end) if hits else further
        block.at = limit

    def _behind_lead(self, data: bytes, at: int) -> int:
        """Where on the line that begins there a program's own words begin."""
        found = self._lead.match(data, at) if self._lead else None
        return found.end() if found else at

    def _expects(self, looked: Looked) -> bool:
        if looked.told is not None:
            self._hear(looked.told)
        following = looked.following
        if following is None:
            return False
        if isinstance(following, KeyBody):
            self._key = following
            return True
        if isinstance(following, PerhapsSecret) and (
            following.indent == self._secret_at or 0 <= self._secrets_at < following.indent
        ):
            following = SecretData(following.indent, following.encoded)
        self._following = following
        return True

    def _hear(self, told: Told) -> None:
        self._secret_at = told.depth if told.secret else -1
        if told.secrets:
            self._secrets_at = told.depth
        elif told.depth <= self._secrets_at:
            self._secrets_at = -1

    def _put(self, block: _Block, hit: Hit) -> None:
        if hit.secret in self._allowed or _is_token(block.data, hit):
            return
        self._line += block.data.count(b"\n", block.counted, hit.start)
        block.counted = hit.start
        block.replace(hit.start, hit.end, hit.quote + self._token(hit.secret) + hit.quote)
        self.tally.add(hit.kind, self._line)


class _Block:
    """Whole lines under work, seen without their colours: read up to `at`, replaced up to `done`, lines counted."""

    def __init__(self, raw: bytes) -> None:
        self._seen: Final = Seen(raw)
        self._written = 0
        self.data: Final = self._seen.text
        self.out: Final[list[bytes]] = []
        self.at = self.done = self.counted = 0

    def line_end(self, at: int) -> int:
        """Behind the end of the line that `at` is on."""
        return self.data.find(b"\n", at) + 1 or len(self.data)

    def written(self, start: int, end: int) -> bytes:
        """Lines as they were written."""
        return self._seen.raw[self._seen.behind(start) : self._line_written(end)]

    def replace(self, start: int, end: int, token: bytes) -> None:
        """Put a token in place of a secret; the colours around it stay."""
        self.out.extend((self._seen.raw[self._written : self._seen.of(start)], token))
        self.done, self._written = end, self._seen.behind(end)

    def skip(self, end: int) -> None:
        """From `at` to a line's end it was taken away: not written here."""
        self.out.append(self._seen.raw[self._written : self._seen.behind(self.at)])
        self.at = self.done = self.counted = end
        self._written = self._line_written(end)

    def ended(self) -> bytes:
        """All of it, with what was put in place of secrets."""
        rest = self._seen.raw[self._written :]
        return b"".join((*self.out, rest)) if self.out else rest

    def _line_written(self, end: int) -> int:
        """Where a line ends; behind the last one's end there may be colours still."""
        return len(self._seen.raw) if end == len(self.data) else self._seen.behind(end)


def _is_token(data: bytes, hit: Hit) -> bool:
    """Whether it was redacted already, and at most goes on with what was no secret then.

    In a URL a token's own colon makes its digest look like a password, and the host behind it like more of one.
    """
    before = hit.start - len(_MARK)
    return bool(_TOKEN.match(data, hit.start) or (before >= 0 and _TOKEN.match(data, before)))


def _before_a_key(data: bytes, hit: Hit) -> Hit:
    """A secret ends where a private key begins, which has lines to come that are to be found by its first."""
    at = data.find(b"-----BEGIN", hit.start, hit.end)
    if at < 0 or data.find(b"PRIVATE KEY", at, at + 48) < 0:
        return hit
    return hit._replace(end=at, secret=data[hit.start : at])


def _short_lines(data: bytes) -> bytes:
    """The same, without the lines that are too long to be looked through."""
    if len(data) <= LINE_LIMIT:
        return data
    return b"\n".join(line if len(line) <= LINE_LIMIT else WITHHELD for line in data.split(b"\n"))

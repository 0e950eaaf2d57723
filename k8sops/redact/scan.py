"""Finds secrets in whole lines: one pass of the linear engine says where to look, and each place is then looked at.

A place costs little and a bounded look ahead, so that text made to be looked at everywhere is slow, not endless. Knows no
state: what is expected of later lines is answered, and kept by the stream.
"""

from __future__ import annotations

import re
from typing import Final

from k8sops.redact.finding import NOTHING, Hit, Looked
from k8sops.redact.linear import LinearPattern
from k8sops.redact.lines_after import BlockText, KeyBody, ValueBelow
from k8sops.redact.naming import is_no_secret, kind_of, name_heads, name_words
from k8sops.redact.shapes import SHAPES, shape_heads
from k8sops.redact.values import Value, plain, quote_at, value_at

_NAME_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_NAME: Final = r"[A-Za-z0-9_.-]"
_REACH: Final = 80
_LEAD: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?[ \t]*(?:- |[#;] ?|export |ENV |ARG |set |setenv |declare -x |\+ |Environment=)*[\"']?\Z"
)
_SCHEME: Final = re.compile(
    rb"(?:bearer|basic|digest|token|apikey|api-key|negotiate|ntlm|ssws|key|splunk|bot|aws4-hmac-sha256)[ \t]+(?=\S)",
    re.IGNORECASE,
)
_AUTHORIZATION: Final = re.compile(rb"(?:[^\r\n\"'\\]|\\(?![nr\"'\\]))+")
_CREDENTIALS: Final = re.compile(rb"(?=[^\s]{0,400}?(?:[0-9=]|[a-z][A-Z]))[A-Za-z0-9+/._~=-]{8,16384}")
_PEM_BODY: Final = re.compile(rb"(?:[A-Za-z0-9+/=:,. \t-]|\\{1,8}[nrt])+?(?=-----END|[\"'\r\n]|\Z)")
_BLOCK: Final = re.compile(rb"[ \t]*[|>][+-]?[0-9]?[+-]?[ \t]*(?:#[^\n]*)?\r?\Z")
_NUMBER_OR_WORD: Final = re.compile(rb"[^\s,\]}]+")


class Scanner:
    """The compiled rules. One for many texts; safe to share between threads."""

    def __init__(self) -> None:
        names = name_heads()
        words = name_words()
        self._heads: Final = LinearPattern(
            "(?m)(?:"
            + "|".join(
                (
                    shape_heads(),
                    names,
                    rf"(?i:{words}){_NAME}{{0,40}}[\"'\\]{{0,6}}[ \t]{{0,4}},?[ \t]{{0,4}}[\"'\\]{{0,6}}(?i:value)[\"'\\]{{0,6}}[ \t]{{0,4}}[:=]",
                    rf"(?i:\bname|\bkey)[\"']?[ \t]?:[ \t]{{0,8}}[\"']?{_NAME}{{0,40}}(?i:{words}){_NAME}{{0,40}}[\"']?,?[ \t]{{0,8}}\r?$",
                    rf"(?:^|[\s\"',\[])--?[A-Za-z0-9-]{{0,24}}(?i:{words})[A-Za-z0-9-]{{0,24}}(?:[ \t]+[^\s-]|\\?[\"'],?[ \t]{{0,4}}(?:\\?[\"']|\r?$)|[ \t]*\r?$)",
                    rf"<[A-Za-z:]{{0,20}}(?i:{words})[A-Za-z]{{0,20}}>[^<\s]",
                    r"://[^\s/?#\"'<>@:\\]{0,128}:[^\s/?#\"'<>@]{0,256}@",
                    r"://[^\s/?#\"'<>@:\\]{1,128}:[^\s/?#\"'<>@0-9][^\s\"'<>@]{0,256}@",
                    r"://[A-Za-z0-9_-]{20,128}@",
                    r"[^\s/@:]@(?:tcp|unix|udp)\(",
                    r"(?i:\bbearer|\bbasic)[ \t]+[A-Za-z0-9+/._~=-]{8}",
                    r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----",
                    r"Private-Lines: ",
                    r"(?i:\bidentified by|\bpassword)[ \t]+\\{0,3}'",
                    r"(?:-u|--user|--proxy-user|-U)[ \t=]*[\"']?[A-Za-z0-9_.@-]{1,64}:[^\s/]",
                    r"(?:\bmysql|\bmysqldump|\bmysqladmin|\bmariadb|\bsshpass|\bredis-cli)[^\r\n|;]{0,160}[ \t]-[pa]",
                    r"(?:\bdocker|\bpodman|\bhelm|\bskopeo|\bcrane|\baz|\boc)[^\r\n|;]{0,60}\blogin\b[^\r\n|;]{0,160}[ \t]-p",
                    r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b",
                    r"(?:^|[\s\"'])[A-Za-z0-9._-]{1,32}:\$[0-9a-z]{1,8}\$",
                )
            )
            + ")"
        )
        self._shapes: Final = _by_first_byte()
        self._names: Final[dict[bytes, str]] = {}

    def next_place(self, data: bytes, start: int, end: int) -> tuple[int, int] | None:
        """The next place that looks like one where a secret begins."""
        return self._heads.search(data, start, end)

    def look(self, data: bytes, place: tuple[int, int], floor: int, line_end: int) -> Looked:  # noqa: PLR0911, C901
        """What stands there. Nothing before `floor` is touched: it has been written already."""
        at, end = place
        if data[at] in b"\\%" and self._shape(data, at + _escape(data, at), line_end):
            at += _escape(data, at)
        shaped = self._shape(data, at, line_end)
        if shaped is not None:
            return Looked((shaped,))
        head = data[at:end]
        low = head[:12].lower()
        if low.startswith(b"-----begin"):
            return _pem(data, at, end, line_end)
        if low.startswith(b"private-lin"):
            return Looked(following=KeyBody())
        if head.startswith(b"://"):
            return _url(data, at, end, line_end)
        if head.endswith((b"@tcp(", b"@unix(", b"@udp(")):
            return _dsn(data, at, floor)
        if low.startswith((b"bearer", b"basic")) and head[-1:] not in b":=":
            return _credentials(data, at, end, line_end)
        if head.startswith(b"<"):
            return self._tag(data, at, end, line_end)
        if b":$" in head:
            return _hash(data, at, end, line_end)
        if head[-2:-1] == b"-" or (head[-1:] in b"pa" and b" -" in head):
            return _short_flag(data, end, line_end)
        if head.startswith((b"-u", b"--user", b"--proxy-user", b"-U")) and b":" in head:
            return _user_flag(data, at, end, line_end)
        if head.lstrip(b"\t\n\v\f\r \"',[").startswith(b"-") and head[-1:] not in b":=":
            return self._flag(data, at, end, line_end)
        if len(head) == 23 and head[6:7] == b".":
            return _bootstrap_token(data, at, end)
        if low.startswith((b"name", b"key")) and head[-1:] not in b":=":
            return self._below(data, at, end)
        if head.endswith(b"'") and head[-1:] not in b":=":
            return _quoted("password", data, end - 1, line_end)
        return self._named(data, at, end, floor, line_end)

    def _shape(self, data: bytes, at: int, line_end: int) -> Hit | None:
        if at >= line_end:
            return None
        pattern = self._shapes.get(data[at])
        found = pattern.match(data, at, line_end) if pattern else None
        if found is None:
            return None
        shape = SHAPES[int(str(found.lastgroup)[1:])]
        start = at + len(shape.head) if shape.keep else at
        if not _likely(shape.kind, data, at, found.end()):
            return None
        return Hit(shape.kind, start, found.end(), data[start : found.end()])

    def _kind(self, name: bytes) -> str:
        known = self._names.get(name)
        if known is None:
            known = kind_of(name.decode("latin-1"))
            if len(self._names) < 4096:
                self._names[name] = known
        return known

    def _named(self, data: bytes, at: int, end: int, floor: int, line_end: int) -> Looked:
        """`name: value`, `name=value`, `"name": "value"`, in any dress."""
        start = _back(data, at, floor)
        run = _NAME_RUN.match(data, at, end)
        stop = run.end() if run else at
        name = data[start:stop]
        kind = self._kind(name)
        if not kind:
            return NOTHING
        separator = data[end - 1 : end]
        after = data[end : end + 2]
        if after[:1] == b":" or after == b"//":
            return NOTHING
        if after[:1] in {b"=", b">"}:
            end += 1
        lead = data[max(0, start - _REACH) : start]
        newline = lead.rfind(b"\n")
        first = (newline >= 0 or start < _REACH) and bool(_LEAD.match(lead[newline + 1 :]))
        key_quote = quote_at(data, stop, end)
        rest = data[end : min(line_end, end + _REACH)].rstrip(b"\r\n")
        if separator == b":" and first and _BLOCK.match(rest):
            return Looked(following=BlockText(kind, len(lead) - newline - 1))
        if kind in {"authorization", "cookie"}:
            return _header(kind, data, end, line_end)
        if rest.lstrip(b" \t")[:1] in {b"{", b"["}:
            return self._inside(kind, name, data, end, line_end)
        whole = first and not key_quote and (separator == b":" or data[stop : stop + 1] in {b" ", b"\t"})
        value = value_at(data, end, line_end, whole_line=whole)
        if key_quote and not value.quote:
            scalar = _NUMBER_OR_WORD.match(data, value.start, min(value.end, line_end))
            value = Value(value.start, scalar.end() if scalar else value.start)
        secret = plain(data[value.start : value.end], value.quote)
        prose = separator == b":" and not first and not value.quote and not key_quote
        if is_no_secret(name.decode("latin-1"), secret, quoted=bool(value.quote or key_quote), prose=prose):
            return NOTHING
        if kind == "docker-auth" and not _is_docker_auth(secret):
            return NOTHING
        wrap = key_quote if key_quote and not value.quote and separator == b":" else b""
        return Looked((Hit(kind, value.start, value.end, secret, wrap),))

    def _inside(self, kind: str, name: bytes, data: bytes, at: int, line_end: int) -> Looked:
        """The texts of a list under a secret's name; an object's fields speak for themselves."""
        hits: list[Hit] = []
        while at < line_end and data[at] in b" \t":
            at += 1
        if data[at] != 0x5B:
            return NOTHING
        at += 1
        while True:
            while at < line_end and data[at] in b" \t,":
                at += 1
            if at >= line_end or not (quote := quote_at(data, at, line_end)):
                return Looked(tuple(hits))
            value = value_at(data, at, line_end)
            secret = plain(data[value.start : value.end], value.quote)
            if is_no_secret(name.decode("latin-1"), secret, quoted=True, prose=False):
                return Looked(tuple(hits))
            hits.append(Hit(kind, value.start, value.end, secret))
            at = value.end + len(quote)

    def _below(self, data: bytes, at: int, end: int) -> Looked:
        """`name: DB_PASSWORD` alone on its line: the value stands on the next."""
        name = data[at:end].split(b":", 1)[1].strip(b" \t\r\n\"',")
        kind = self._kind(name)
        return Looked(following=ValueBelow(kind, name.decode("latin-1"))) if kind else NOTHING

    def _flag(self, data: bytes, at: int, end: int, line_end: int) -> Looked:
        """`--password x`, `"--password", "x"`, and `- --password` with the value as the next item."""
        found = _FLAG.match(data, at, end)
        if found is None or not (kind := self._kind(found[1])):
            return NOTHING
        name = found[1].decode("latin-1")
        rest = data[found.end() : end].strip()
        if not rest or rest in {b'"', b"'", b'",', b"',"}:
            return Looked(following=ValueBelow(kind, name, item=True))
        start = found.end()
        if quote := quote_at(data, start, line_end):
            start += len(quote)
        while start < line_end and data[start] in b", \t":
            start += 1
        value = value_at(data, start, line_end)
        secret = plain(data[value.start : value.end], value.quote)
        # In prose a flag's name may be followed by a word of the sentence.
        if secret.startswith(b"-") or is_no_secret(name, secret, quoted=bool(value.quote), prose=True):
            return NOTHING
        return Looked((Hit(kind, value.start, value.end, secret),))

    def _tag(self, data: bytes, at: int, end: int, line_end: int) -> Looked:
        """`<password>x</password>`."""
        name = data[at + 1 : end - 2]
        kind = self._kind(name)
        stop = data.find(b"<", end - 1, min(line_end, end + 4096))
        secret = data[end - 1 : stop] if stop >= 0 else b""
        if not kind or is_no_secret(name.decode("latin-1"), secret, quoted=True, prose=False):
            return NOTHING
        return Looked((Hit(kind, end - 1, stop, secret),))


_FLAG: Final = re.compile(rb"[\s\"',\[]?--?([A-Za-z0-9-]+)")
_NAME_RUN: Final = re.compile(rb"(?i:(?:[a-z]+ (?=key|phrase|string|by)){0,1})[A-Za-z0-9_.-]+")


def _by_first_byte() -> dict[int, re.Pattern[bytes]]:
    """The shapes that begin with a byte, as one expression: the one that matches tells its number."""
    sources: dict[int, list[str]] = {}
    for number, shape in enumerate(SHAPES):
        first = shape.head.encode()[0]
        sources.setdefault(first, []).append(f"(?P<s{number}>{re.escape(shape.head)}{shape.body})")
    return {first: re.compile("|".join(parts).encode()) for first, parts in sources.items()}


def _likely(kind: str, data: bytes, at: int, end: int) -> bool:
    """Whether something that has a shape is also made as secrets of this shape are."""
    if kind == "vault-legacy-token":
        body = data[at + 2 : end]
        return any(c in b"0123456789" for c in body) and body.lower() != body and body.upper() != body
    if kind == "telegram-bot-token":
        return data[max(0, at - 8) : at].isdigit()
    if kind in {"openai-key", "pagerduty-key", "notion-token", "crates-io-token", "nuget-key", "resend-key"}:
        return any(c in b"0123456789" for c in data[at + 4 : end])
    return True


def _escape(data: bytes, at: int) -> int:
    """How long the escape is that stands before a word: `\\n`, `\\u003c`, `%3D`."""
    if data[at] == 0x25:
        return 3
    return 6 if data[at + 1 : at + 2] == b"u" else 2


def _back(data: bytes, at: int, floor: int) -> int:
    """Where a name begins of which a part stands at `at`."""
    before = data[max(floor, at - _REACH) : at]
    length = len(before) - len(before.rstrip(_NAME_BYTES))
    start = at - length
    # The n of `\n` in a JSON text is no letter of the name.
    if length and start > floor and data[start - 1] == 0x5C and data[start] in b"nrt":
        start += 1
    return start


def _pem(data: bytes, at: int, end: int, line_end: int) -> Looked:
    """A key's body, on this line with escaped line ends, or on the lines below."""
    rest = data[end : min(line_end, end + 8)].strip(b" \t\r\n\"',|+\\")
    if not rest:
        return Looked(following=KeyBody())
    found = _PEM_BODY.match(data, end, min(line_end, end + 65536))
    body = found[0] if found else b""
    secret = re.sub(rb"\\{1,8}[nrt]|\s", b"", body)
    if len(secret) < 16:
        return NOTHING
    lead = len(body) - len(re.sub(rb"^(?:\\{1,8}[nrt]|\s)+", b"", body))
    tail = len(body) - len(re.sub(rb"(?:\\{1,8}[nrt]|\s)+$", b"", body))
    return Looked((Hit("private-key", end + lead, end + len(body) - tail, secret),))


def _url(data: bytes, at: int, end: int, line_end: int) -> Looked:
    """The password before a URL's host; up to the last `@` before the path, since passwords hold that sign, too."""
    colon = data.find(b":", at + 3, end)
    if colon < 0:
        value = Value(at + 3, end - 1)
        secret = data[value.start : value.end]
        if any(c in b"0123456789" for c in secret):
            return Looked((Hit("url-token", value.start, value.end, secret),))
        return NOTHING
    further = _MORE_USERINFO.match(data, end, min(line_end, end + 256))
    stop = further.end() - 1 if further else end - 1
    raw = data[colon + 1 : stop]
    secret = plain(raw, url=True)
    if is_no_secret("password", secret, quoted=True, prose=False):
        return NOTHING
    return Looked((Hit("url-password", colon + 1, stop, secret),))


_MORE_USERINFO: Final = re.compile(rb"[^\s/?#\"'<>\\,]*@")


def _dsn(data: bytes, at: int, floor: int) -> Looked:
    """`user:password@tcp(host)`, as Go's MySQL driver has it."""
    before = data[max(floor, at - 256) : at + 1]
    start = max(before.rfind(sign) for sign in (b" ", b'"', b"'", b"\t", b"\n", b"=")) + 1
    colon = before.find(b":", start)
    if colon < 0:
        return NOTHING
    first = at + 1 - len(before) + colon + 1
    return Looked((Hit("dsn-password", first, at + 1, data[first : at + 1]),)) if first <= at else NOTHING


def _credentials(data: bytes, at: int, end: int, line_end: int) -> Looked:
    """What follows Bearer or Basic, where it is made like credentials and not like a word."""
    start = end - 8
    found = _CREDENTIALS.match(data, start, line_end)
    if found is None:
        return NOTHING
    kind = "bearer-token" if data[at] in b"bB" and data[at + 1] in b"eE" else "basic-auth"
    return Looked((Hit(kind, start, found.end(), found[0]),))


def _header(kind: str, data: bytes, at: int, line_end: int) -> Looked:
    """All that an Authorization or Cookie header holds, but for the scheme."""
    while at < line_end and data[at] in b" \t[":
        at += 1
    quote = quote_at(data, at, line_end)
    if quote:
        value = value_at(data, at, line_end)
    else:
        found = _AUTHORIZATION.match(data, at, line_end)
        value = Value(at, at + len(found[0].rstrip()) if found else at)
    start = value.start
    scheme = _SCHEME.match(data, start, value.end)
    if scheme:
        start = scheme.end()
    secret = plain(data[start : value.end], value.quote)
    if is_no_secret(kind, secret, quoted=False, prose=True) or (not scheme and len(secret) < 8):
        return NOTHING
    return Looked((Hit(kind, start, value.end, secret),))


def _hash(data: bytes, at: int, end: int, line_end: int) -> Looked:
    """A line of a password file: `user:$2y$…`."""
    start = data.find(b":$", at, end) + 1
    found = re.compile(rb"\$[0-9a-z]{1,8}\$[./A-Za-z0-9$=,]{12,200}").match(data, start, line_end)
    return Looked((Hit("password-hash", start, found.end(), found[0]),)) if found else NOTHING


def _short_flag(data: bytes, end: int, line_end: int) -> Looked:
    """`mysql -psecret`, `sshpass -p secret`, `docker login -p secret`."""
    return _quoted("password", data, end + (data[end : end + 1] in {b" ", b"="}), line_end)


def _user_flag(data: bytes, at: int, end: int, line_end: int) -> Looked:
    """`curl -u user:password`."""
    start = end - 1
    value = value_at(data, start, line_end)
    before = data[at:start]
    quote = next((sign for sign in (b'"', b"'") if sign in before), b"")
    stop = data.find(quote, start, line_end) if quote else value.end
    secret = data[start : stop if stop >= 0 else value.end]
    if is_no_secret("password", secret, quoted=True, prose=True):
        return NOTHING
    return Looked((Hit("basic-auth", start, start + len(secret), secret),))


def _quoted(kind: str, data: bytes, at: int, line_end: int) -> Looked:
    value = value_at(data, at, line_end)
    secret = plain(data[value.start : value.end], value.quote)
    if secret.startswith(b"-") or is_no_secret("password", secret, quoted=bool(value.quote), prose=True):
        return NOTHING
    return Looked((Hit(kind, value.start, value.end, secret),))


def _bootstrap_token(data: bytes, at: int, end: int) -> Looked:
    """kubeadm's `abcdef.0123456789abcdef`: digits on both sides or near a word that says it."""
    near = data[max(0, at - 40) : at].lower()
    if b"token" in near or b"bootstrap" in near:
        return Looked((Hit("bootstrap-token", at, end, data[at:end]),))
    return NOTHING


def _is_docker_auth(secret: bytes) -> bool:
    """Whether it is `user:password` in base64, as registries' configurations hold it."""
    import binascii  # noqa: PLC0415

    try:
        return b":" in binascii.a2b_base64(secret, strict_mode=True)
    except binascii.Error:
        return len(secret) >= 16 and any(c in b"0123456789" for c in secret) and b" " not in secret

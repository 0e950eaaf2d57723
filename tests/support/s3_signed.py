"""Requests to S3 that the storage under test has no business to make: buckets, locks and versions (SigV4 by hand)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import aiohttp


class S3Admin:
    """`await S3Admin(endpoint, key, secret).request("PUT", "/bucket")` answers with status and body."""

    def __init__(self, endpoint: str, key: str, secret: str) -> None:
        self.endpoint, self.key, self.secret = endpoint, key, secret

    async def make_bucket(self, name: str, *, days: int = 0) -> None:
        """Make a bucket; with `days`, one whose files are locked in compliance mode for so long."""
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if days else {}
        status, body = await self.request("PUT", f"/{name}", headers=headers)
        assert status == 200, body
        if days:
            rule = f"<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>{days}</Days></DefaultRetention></Rule>"
            whole = (
                '<ObjectLockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
            )
            status, body = await self.request(
                "PUT", f"/{name}", query={"object-lock": ""}, body=whole.encode()
            )
            assert status == 200, body

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> tuple[int, str]:
        """One signed request."""
        url = urlsplit(self.endpoint)
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        line = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted((query or {}).items()))
        sent = {
            "host": url.netloc,
            "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
            "x-amz-date": moment,
            **(headers or {}),
        }
        names = ";".join(sorted(sent))
        canonical = "\n".join(
            (
                method,
                quote(path),
                line,
                *(f"{name}:{sent[name]}" for name in sorted(sent)),
                "",
                names,
                sent["x-amz-content-sha256"],
            )
        )
        scope = f"{moment[:8]}/us-east-1/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{self.secret}".encode()
        for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"):
            key = hmac.digest(key, part.encode(), "sha256")
        sent["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        )
        target = f"{self.endpoint}{quote(path)}" + (f"?{line}" if line else "")
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                method, target, data=body, headers=sent, skip_auto_headers=["Content-Type"]
            ) as answer,
        ):
            return answer.status, await answer.text()

"""Secrets that show what they are by their own shape: what each begins with and how it goes on. Data only.

`head` is literal text that the scan looks for; `body` is matched from there on. Bodies are single runs with bounds, so
that one that does not match is given up after little.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from k8sops.redact.finding import Hit, Place


class Shape(NamedTuple):
    """One kind of secret by its shape; with `keep` the head stays readable, since it is no part of the secret."""

    kind: str
    head: str
    body: str
    keep: bool = False


_ID = "[A-Za-z0-9]"
_URL = "[A-Za-z0-9_-]"
_B64 = "[A-Za-z0-9+/=_-]"
_END = r"(?![A-Za-z0-9])"
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


def _all(kind: str, heads: str, body: str) -> list[Shape]:
    return [Shape(kind, head, body) for head in heads.split()]


SHAPES: Final[tuple[Shape, ...]] = (
    # Clouds
    *_all("aws-access-key", "AKIA ASIA ABIA ACCA", rf"[A-Z0-9]{{16}}{_END}"),
    *_all("aws-session-token", "IQoJb3JpZ2lu FwoGZXIvYXdz FQoGZXIvYXdz", rf"{_B64}{{60,4096}}"),
    Shape("aws-bedrock-key", "ABSK", rf"{_B64}{{100,300}}"),
    Shape("aws-mws-token", "amzn.mws.", _UUID),
    Shape("gcp-api-key", "AIza", rf"{_URL}{{35}}"),
    Shape("gcp-oauth-token", "ya29.", r"[A-Za-z0-9_.-]{20,2048}"),
    Shape("gcp-client-secret", "GOCSPX-", rf"{_URL}{{20,64}}"),
    Shape("gcp-refresh-token", "1//0", rf"{_URL}{{40,200}}"),
    Shape("azure-account-key", "AccountKey=", rf"{_B64}{{40,120}}", keep=True),
    Shape("azure-shared-access-key", "SharedAccessKey=", rf"{_B64}{{40,120}}", keep=True),
    Shape("azure-sas-signature", "sig=", r"[A-Za-z0-9%+/=_-]{30,200}", keep=True),
    Shape("aws-presigned-signature", "X-Amz-Signature=", "[0-9a-f]{32,128}", keep=True),
    Shape("gcp-signed-url", "X-Goog-Signature=", "[0-9a-f]{32,1024}", keep=True),
    Shape("aws-request-signature", "Signature=", "[0-9a-f]{64}", keep=True),
    Shape("alibaba-access-key", "LTAI", rf"{_ID}{{12,26}}{_END}"),
    Shape("tencent-secret-id", "AKID", rf"{_ID}{{32}}{_END}"),
    *_all("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", "[0-9a-f]{40,80}"),
    Shape("heroku-key", "HRKU-AA", rf"{_URL}{{20,80}}"),
    *_all("fly-token", "fo1_ fm1r_ fm2_ fm1a_", r"[A-Za-z0-9_+/=-]{20,2048}"),
    Shape("cloudflare-origin-key", "v1.0-", "[0-9a-f]{24}-[0-9a-f]{100,160}"),
    Shape("scaleway-token", "SCW", rf"[A-Z0-9]{{17}}{_END}"),
    Shape("yandex-token", "y0_", rf"{_URL}{{40,100}}"),
    Shape("ibm-cloud-key", "ApiKey-", _UUID),
    # Source, packages, builds
    *_all("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9_]{30,255}"),
    Shape("github-fine-grained-token", "github_pat_", "[A-Za-z0-9_]{40,255}"),
    *_all(
        "gitlab-token",
        "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- gloas- glsoat- glffct- GR1348941 gitlab-ci-",
        r"[A-Za-z0-9_.-]{16,400}",
    ),
    *_all("bitbucket-token", "ATBB", rf"{_URL}{{28,80}}"),
    *_all("atlassian-token", "ATATT3x ATCTT3x ATSTT3x", r"[A-Za-z0-9_=-]{60,400}"),
    Shape("npm-token", "npm_", rf"{_ID}{{36}}"),
    Shape("pypi-token", "pypi-AgE", rf"{_URL}{{50,2048}}"),
    Shape("rubygems-key", "rubygems_", "[0-9a-f]{48}"),
    Shape("clojars-token", "CLOJARS_", rf"{_ID}{{60}}"),
    Shape("nuget-key", "oy2", rf"[a-z0-9]{{43}}{_END}"),
    Shape("crates-io-token", "cio", rf"{_ID}{{32}}{_END}"),
    *_all("docker-hub-token", "dckr_pat_ dckr_oat_", rf"{_URL}{{20,64}}"),
    *_all("artifactory-token", "AKCp cmVmdGtu", rf"{_ID}{{48,120}}"),
    Shape("circleci-token", "CCIPAT_", r"[A-Za-z0-9_]{40,100}"),
    *_all("buildkite-token", "bkua_ bkat_ bkct_ bkpt_", rf"{_ID}{{30,80}}"),
    *_all("sonarqube-token", "sqp_ squ_ sqa_", "[0-9a-f]{40}"),
    *_all("prefect-token", "pnu_ pnb_", rf"{_ID}{{36}}"),
    *_all("sourcegraph-token", "sgp_ slk_", "[A-Za-z0-9_]{40,100}"),
    # Platforms and secret stores
    *_all("vault-token", "hvs. hvb. hvr.", rf"{_URL}{{20,300}}"),
    Shape("vault-legacy-token", "s.", rf"{_ID}{{24}}{_END}(?![.-])"),
    *_all("onepassword-token", "ops_eyJ", rf"{_B64}{{40,4096}}"),
    Shape(
        "onepassword-secret-key",
        "A3-",
        "[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}",
    ),
    *_all("doppler-token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[A-Za-z0-9_.-]{30,120}"),
    Shape("pulumi-token", "pul-", "[0-9a-f]{40}"),
    *_all("planetscale-token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[A-Za-z0-9_=.-]{32,80}"),
    *_all("supabase-key", "sbp_ sb_secret_", rf"{_URL}{{30,80}}"),
    Shape("netlify-token", "nfp_", rf"{_ID}{{36,80}}"),
    *_all("databricks-token", "dapi dkea dose", r"[0-9a-f]{32}(?:-\d{1,3})?(?![A-Za-z0-9])"),
    *_all("tailscale-key", "tskey-", r"[A-Za-z0-9-]{16,120}"),
    Shape("age-secret-key", "AGE-SECRET-KEY-1", "[A-Z0-9]{50,80}"),
    Shape("age-plugin-key", "AGE-PLUGIN-", "[A-Z0-9-]{40,400}"),
    Shape("harness-token", "pat.", rf"{_URL}{{22}}\.[0-9a-f]{{24}}\.[A-Za-z0-9]{{20}}"),
    *_all("spacelift-token", "SPACELIFT_", rf"{_ID}{{20,200}}"),
    # Observation
    *_all("grafana-token", "glc_ glsa_", r"[A-Za-z0-9_+/=]{32,400}"),
    *_all("newrelic-key", "NRAK- NRJS- NRII- NRRA- NRBR-", rf"{_URL}{{19,64}}"),
    *_all("sentry-token", "sntrys_ sntryu_", r"[A-Za-z0-9_+/=-]{40,400}"),
    *_all("dynatrace-token", "dt0c01. dt0s01. dt0s16.", r"[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    *_all("honeycomb-key", "hcaik_ hcxik_ hcbik_ hcamk_", r"[A-Za-z0-9_]{26,80}"),
    Shape("launchdarkly-key", "sdk-", _UUID),
    Shape("pagerduty-key", "u+", rf"{_URL}{{18}}{_END}"),
    # Chat and mail
    *_all(
        "slack-token",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxc- xoxd- xoxe- xoxe. xapp- xwfp-",
        r"[A-Za-z0-9.%_+/=-]{10,400}",
    ),
    Shape(
        "slack-webhook",
        "hooks.slack.com/",
        r"(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,200}",
        keep=True,
    ),
    Shape("discord-webhook", "discord.com/api/webhooks/", r"[0-9]{10,24}/[A-Za-z0-9_-]{40,120}", keep=True),
    Shape(
        "discord-webhook", "discordapp.com/api/webhooks/", r"[0-9]{10,24}/[A-Za-z0-9_-]{40,120}", keep=True
    ),
    Shape("teams-webhook", "webhook.office.com/webhookb2/", r"[A-Za-z0-9@/_-]{60,300}", keep=True),
    Shape("sendgrid-key", "SG.", rf"{_URL}{{16,32}}\.{_URL}{{16,64}}"),
    Shape("mailgun-key", "key-", rf"[0-9a-f]{{32}}{_END}"),
    Shape("brevo-key", "xkeysib-", r"[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    Shape("brevo-smtp-key", "xsmtpsib-", r"[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    Shape("twilio-key", "SK", rf"[0-9a-f]{{32}}{_END}"),
    Shape("resend-key", "re_", rf"{_ID}{{8}}_{_ID}{{24}}"),
    Shape("courier-key", "pk_prod_", rf"{_ID}{{24,60}}"),
    # Money and shops
    *_all("stripe-key", "sk_live_ sk_test_ rk_live_ rk_test_ sk_org_", rf"{_ID}{{16,255}}"),
    Shape("stripe-webhook-secret", "whsec_", r"[A-Za-z0-9+/=]{24,100}"),
    *_all("shopify-token", "shpat_ shpca_ shppa_ shpss_ shpua_", "[0-9a-fA-F]{32}"),
    *_all("square-token", "sq0atp- sq0csp- sq0idp-", rf"{_URL}{{22,64}}"),
    *_all("easypost-key", "EZAK EZTK", rf"{_ID}{{54}}"),
    Shape("flutterwave-key", "FLWSECK_TEST-", r"[A-Za-z0-9]{12,64}(?:-X)?"),
    Shape("flutterwave-key", "FLWSECK-", r"[A-Za-z0-9]{12,64}(?:-X)?"),
    *_all("duffel-token", "duffel_live_ duffel_test_", rf"{_URL}{{40,60}}"),
    Shape("plaid-token", "access-production-", _UUID),
    Shape("razorpay-key", "rzp_live_", rf"{_ID}{{14,30}}"),
    Shape("paypal-braintree-token", "access_token$production$", r"[0-9a-z]{16}\$[0-9a-f]{32}"),
    # Models
    Shape("anthropic-key", "sk-ant-", rf"{_URL}{{20,200}}"),
    *_all("openai-key", "sk-proj- sk-svcacct- sk-admin- sk-None-", rf"{_URL}{{20,255}}"),
    Shape("openrouter-key", "sk-or-v1-", "[0-9a-f]{40,80}"),
    Shape("openai-key", "sk-", rf"{_ID}{{32,100}}{_END}"),
    *_all("huggingface-token", "hf_ api_org_", rf"{_ID}{{30,60}}"),
    Shape("replicate-token", "r8_", rf"{_ID}{{37}}"),
    Shape("groq-key", "gsk_", rf"{_ID}{{40,80}}"),
    Shape("perplexity-key", "pplx-", rf"{_ID}{{40,80}}"),
    Shape("xai-key", "xai-", rf"{_ID}{{60,100}}"),
    Shape("wandb-key", "wandb_v1_", r"[A-Za-z0-9_]{40,120}"),
    Shape("langsmith-key", "lsv2_", r"(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    # Desks and content
    Shape("linear-key", "lin_api_", rf"{_ID}{{32,64}}"),
    Shape("notion-token", "ntn_", rf"{_ID}{{40,60}}"),
    Shape("notion-token", "secret_", rf"{_ID}{{43}}{_END}"),
    *_all("figma-token", "figd_ figo_ figr_", rf"{_URL}{{38,64}}"),
    Shape("postman-key", "PMAK-", r"[0-9a-f]{24}-[0-9a-f]{34}"),
    Shape("airtable-token", "pat", rf"{_ID}{{14}}\.[0-9a-f]{{64}}"),
    *_all("contentful-token", "CFPAT-", rf"{_URL}{{40,60}}"),
    Shape("readme-key", "rdme_", r"[a-z0-9]{60,80}"),
    Shape("typeform-token", "tfp_", r"[A-Za-z0-9_.=-]{40,80}"),
    Shape("hubspot-token", "pat-na1-", _UUID),
    Shape("hubspot-token", "pat-eu1-", _UUID),
    *_all("frameio-token", "fio-u-", rf"{_URL}{{60,70}}"),
    Shape("telegram-bot-token", ":AA", rf"{_URL}{{33}}{_END}"),
    Shape("facebook-token", "EAA", rf"{_ID}{{80,400}}"),
    Shape("twitter-bearer", "AAAAAAAAAAAAAAAAAAAAA", r"[A-Za-z0-9%]{40,160}"),
    Shape("mapbox-token", "sk.eyJ", rf"{_URL}{{40,200}}\.{_URL}{{16,40}}"),
    Shape("firebase-server-key", ":APA91b", rf"{_URL}{{100,200}}"),
    Shape("okta-token", "SSWS ", rf"{_URL}{{20,80}}", keep=True),
    # Anybody's
    Shape("jwt", "eyJ", r"[A-Za-z0-9_-]{8,1024}\.[A-Za-z0-9_-]{4,16384}(?:\.[A-Za-z0-9_-]{0,4096}){0,3}"),
    Shape("password-hash", "$2a$", r"[0-9]{2}\$[./A-Za-z0-9]{53}"),
    Shape("password-hash", "$2b$", r"[0-9]{2}\$[./A-Za-z0-9]{53}"),
    Shape("password-hash", "$2y$", r"[0-9]{2}\$[./A-Za-z0-9]{53}"),
    Shape("password-hash", "$apr1$", r"[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}"),
    Shape("password-hash", "$5$", r"(?:rounds=[0-9]{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}"),
    Shape("password-hash", "$6$", r"(?:rounds=[0-9]{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"),
    Shape("password-hash", "$y$", r"[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}"),
    Shape("password-hash", "$argon2", r"(?:id|i|d)\$[A-Za-z0-9=,$+/]{20,300}"),
    Shape("password-hash", "{SSHA}", rf"{_B64}{{28,200}}"),
    # "-----BEGIN … PRIVATE KEY" in base64, as kubeconfigs and Secrets hold it.
    *_all(
        "private-key",
        "LS0tLS1CRUdJTiBQUklWQVRFIEtFW LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRV LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFW "
        "LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFUR "
        "LS0tLS1CRUdJTiBEU0EgUFJJVkFURSBLRV",
        r"[A-Za-z0-9+/=]{20,65536}",
    ),
)


_ESCAPE: Final = re.compile(rb"\\[nrt]|\\u00[0-9a-f]{2}|%[0-9A-Fa-f]{2}")
# Short heads stand in many a word; what follows in a secret has digits in it.
_DIGITS: Final = frozenset(
    {"openai-key", "pagerduty-key", "notion-token", "crates-io-token", "nuget-key", "resend-key", "vault-legacy-token",
     "huggingface-token", "facebook-token", "gitlab-token", "twitter-bearer"}
)  # fmt: skip


def shape_heads() -> str:
    """What the scan looks for: any head, where one could begin. RE2 syntax."""
    heads = sorted({shape.head for shape in SHAPES}, key=lambda head: (-len(head), head))
    plain = "|".join(head for head in heads if head.isalnum() and len(head) < 6)
    words = "|".join(
        re.escape(head) for head in heads if head[0].isalnum() and not (head.isalnum() and len(head) < 6)
    )
    signs = "|".join(re.escape(head) for head in heads if not head[0].isalnum())
    # In JSON a word may stand right after an escape, in a URL after a percent sign and two digits.
    begin = r"(?:\b|\\[nrt]|\\u00[0-9a-f]{2}|%[0-9A-Fa-f]{2})"
    # A few letters begin many a word: the scan shall stop at those only that go on like a secret.
    return rf"{begin}(?:{words}|(?:{plain})[A-Za-z0-9_-]{{12}})|(?:{signs})"


class Shapes:
    """The shapes, compiled: those that begin with the same byte as one expression."""

    def __init__(self) -> None:
        parts: dict[int, list[str]] = {}
        for number, shape in enumerate(SHAPES):
            parts.setdefault(ord(shape.head[0]), []).append(
                f"(?P<s{number}>{re.escape(shape.head)}{shape.body})"
            )
        self._starting: Final = {first: re.compile("|".join(some).encode()) for first, some in parts.items()}

    def at(self, place: Place) -> Hit | None:
        """The secret that a place begins with, if it has one of the shapes."""
        data, at = place.data, place.at
        escape = _ESCAPE.match(data, at, place.end)
        if escape:
            at = escape.end()
        pattern = self._starting.get(data[at]) if at < place.end else None
        found = pattern.match(data, at, place.line.end) if pattern else None
        if found is None:
            return None
        shape = SHAPES[int(str(found.lastgroup)[1:])]
        start = at + len(shape.head) if shape.keep else at
        secret = data[start : found.end()]
        return Hit(shape.kind, start, found.end(), secret) if _likely(shape, place, secret) else None


def _likely(shape: Shape, place: Place, secret: bytes) -> bool:
    """Whether something that has a shape is also made as secrets of this shape are."""
    if shape.kind == "telegram-bot-token":
        return place.data[max(0, place.at - 8) : place.at].isdigit()
    return shape.kind not in _DIGITS or any(byte in b"0123456789" for byte in secret[len(shape.head) :])

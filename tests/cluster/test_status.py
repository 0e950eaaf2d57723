"""The API server's Status answers as one sentence each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from k8sops.cluster.status import Asked, error_of_answer, retry_after_of
from k8sops.core import errors

WEB = Asked("PUT", "/apis/apps/v1/namespaces/shop/deployments/web", "deployment shop/web", "alice")


def told(code: int, *, asked: Asked = WEB, headers: dict[str, str] | None = None, **status: Any) -> Any:
    """The error for a Status body."""
    body = json.dumps({"kind": "Status", "code": code, **status}).encode()
    return error_of_answer(asked, code, headers or {}, body, "https://api")


@pytest.mark.parametrize(
    ("code", "status", "kind", "message"),
    [
        (
            404,
            {"details": {"name": "web", "group": "apps", "kind": "deployments"}},
            errors.NotFoundError,
            "deployment shop/web does not exist",
        ),
        (
            404,
            {"details": {"name": "shop", "kind": "namespaces"}},
            errors.NotFoundError,
            "namespaces/shop does not exist (asked for deployment shop/web)",
        ),
        (409, {"reason": "AlreadyExists"}, errors.AlreadyExistsError, "deployment shop/web already exists"),
        (
            409,
            {"reason": "Conflict", "message": "… the object has been modified; please …"},
            errors.ConflictError,
            "deployment shop/web has been changed by somebody else meanwhile",
        ),
        (
            409,
            {
                "reason": "Conflict",
                "details": {
                    "causes": [
                        {
                            "reason": "FieldManagerConflict",
                            "message": 'conflict with "helm" using apps/v1',
                            "field": ".spec.replicas",
                        }
                    ]
                },
            },
            errors.ConflictError,
            "deployment shop/web: .spec.replicas is owned by helm",
        ),
        (
            403,
            {
                "message": 'deployments.apps "web" is forbidden: User "alice" cannot update resource'
                ' "deployments" in API group "apps" in the namespace "shop"'
            },
            errors.ForbiddenError,
            'deployment shop/web: user "alice" may not update deployments.apps in namespace shop',
        ),
        (
            403,
            {"message": "exceeded quota: pods"},
            errors.ForbiddenError,
            "deployment shop/web is forbidden: exceeded quota: pods",
        ),
        (
            422,
            {"details": {"causes": [{"field": "spec.replicas", "message": "must be positive"}] * 2}},
            errors.InvalidError,
            "deployment shop/web is refused as invalid: spec.replicas: must be positive",
        ),
        (
            422,
            {"details": {"causes": [{"field": "metadata.uid", "message": "field is immutable"}]}},
            errors.ConflictError,
            "deployment shop/web is another object now, made anew under the same name",
        ),
        (
            410,
            {"message": "too old"},
            errors.GoneError,
            "deployment shop/web: the version asked for is no longer kept: too old",
        ),
        (
            500,
            {"message": "etcd"},
            errors.ServerError,
            "deployment shop/web: the API server failed with 500: etcd",
        ),
        (
            504,
            {"message": "timeout"},
            errors.DeadlineError,
            "deployment shop/web: the API server gave up waiting: timeout",
        ),
        (
            401,
            {},
            errors.CredentialsError,
            "https://api refused the credentials of user 'alice' (401 Unauthorized)",
        ),
    ],
)
def test_a_status_becomes_one_sentence_naming_what_matters(
    code: int, status: dict[str, Any], kind: type[errors.K8sOpsError], message: str
) -> None:
    """Which object, which field, which verb, which user: what a person needs to act."""
    error = told(code, **status)
    assert type(error) is kind
    assert error.message == message


def test_a_budget_that_forbids_an_eviction_is_named() -> None:
    """Without its name nobody knows whom to ask."""
    causes = [{"reason": "DisruptionBudget", "message": "The disruption budget web-pdb needs 5 healthy pods"}]
    error = told(429, message="Cannot evict pod.", details={"causes": causes}, headers={"Retry-After": "3"})
    assert isinstance(error, errors.TooManyRequestsError)
    assert "web-pdb" in error.message
    assert error.retry_after == 3


def test_a_proxys_page_is_told_by_its_code() -> None:
    """Load balancers answer in HTML, which nobody wants on a terminal in full."""
    error = error_of_answer(WEB, 502, {}, b"<html>\x1b[2Jbad gateway</html>" + b"x" * 5000, "https://api")
    assert isinstance(error, errors.ServerError)
    assert "\x1b" not in error.message
    assert len(error.message) < 400


def test_a_message_with_a_whole_object_is_cut_in_its_middle() -> None:
    """What is wrong stands at the end, which must survive."""
    error = told(422, details={"causes": [{"field": "patch", "message": "x" * 5000 + " cannot unmarshal"}]})
    assert error.message.endswith("cannot unmarshal")
    assert len(error.message) < 400


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Sat, 21 Nov 2026 10:00:05 GMT", "Date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 5.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(headers: dict[str, str], seconds: float | None) -> None:
    """RFC 9110 allows both; proxies send dates."""
    assert retry_after_of(headers) == seconds


LISTED = Asked("GET", "/api/v1/pods", "pods in shop", "alice", ("a in",))


def test_a_selector_that_cannot_be_read_is_a_fault_of_whoever_typed_it() -> None:
    """A script must be able to tell a typing error from a cluster that is away, and from a change that was refused."""
    error = told(400, asked=LISTED, message="unable to parse requirement: found '', expected: '('")
    assert isinstance(error, errors.SelectorError)
    assert error.exit_code is errors.ExitCode.USAGE
    assert error.message.startswith(
        "pods in shop: the selector 'a in' is refused as invalid: unable to parse"
    )
    assert told(422, asked=LISTED).exit_code is errors.ExitCode.FAILED
    assert told(400).exit_code is errors.ExitCode.FAILED

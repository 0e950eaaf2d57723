"""What is asked of a bundle is understood as it was typed, or refused with what to type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from k8sops.actions.collecting.params import LogsParams
from k8sops.actions.collecting.quantities import bytes_of, moment_of
from k8sops.core.logs import SECOND_NS

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def params(**given: Any) -> LogsParams:
    return LogsParams.model_validate(given)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20MB", 20_000_000),
        ("20M", 20_000_000),
        ("2GiB", 2 << 30),
        ("512Ki", 512 << 10),
        ("7", 7),
        ("1 kB", 1000),
    ],
)
def test_sizes_are_read_as_they_are_written(text: str, size: int) -> None:
    """People write them in five ways."""
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1MB", "1.5GB", "20PB", "9999999999TB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """A limit that was misread fills a disk."""
    with pytest.raises(ValueError, match=r"should be a size|larger than"):
        bytes_of(text)


def test_moments_are_long_ago_or_told() -> None:
    """And without a zone they are what logs are written in."""
    assert moment_of("1h30m", NOW) == NOW - timedelta(minutes=90)
    assert moment_of("2d", NOW) == NOW - timedelta(days=2)
    assert moment_of("2026-11-22T16:00", NOW) == NOW - timedelta(hours=1)
    assert moment_of("2026-11-22T18:00+02:00", NOW) == NOW - timedelta(hours=1)
    with pytest.raises(ValueError, match="duration such as"):
        moment_of("yesterday", NOW)


def test_a_window_counts_from_when_it_was_asked_for() -> None:
    """Approved half an hour later, it still is the hour of the incident."""
    window = params(since="1h", until="30m").window(NOW, NOW + timedelta(minutes=30))
    assert window.since_ns == int((NOW - timedelta(hours=1)).timestamp()) * SECOND_NS
    assert window.until_ns == int((NOW - timedelta(minutes=30)).timestamp()) * SECOND_NS
    open_end = params().window(NOW, NOW + timedelta(minutes=30))
    assert open_end.until_ns == int((NOW + timedelta(minutes=30)).timestamp()) * SECOND_NS


def test_a_selection_is_in_the_words_of_following() -> None:
    """Who has followed logs can collect them."""
    found = params(query=["deployment/web", "cronjob/x"], namespace="a, b", exclude_pod=["x,y"]).selection
    assert found.workloads == ("deployment/web", "cronjob/x")
    assert found.namespaces == ("a", "b")
    assert found.exclude_pods == ("x", "y")
    assert params(query=["web", "api"]).selection.pods == "(?:web)|(?:api)"
    assert params(all_namespaces=True, namespace="shop").selection.namespaces == ()


def test_the_namespaces_of_a_bundle_are_those_of_what_was_named() -> None:
    """Policy and the plan are told of these; that of the request means what is named without one, and no more."""
    both = ["payments/deployment/web", "data/pod/pg-0"]
    assert params(query=both, namespace="shop").namespaces == ("payments", "data")
    assert params(query=[*both, "pod/x"], namespace="shop").namespaces == ("payments", "data", "shop")
    assert params(query=both, all_namespaces=True).namespaces == ("payments", "data")
    assert params(query=[*both, "pod/x"], all_namespaces=True).namespaces == ()
    assert params(query=["web"], namespace="shop,data").namespaces == ("shop", "data")


def test_a_folder_is_made_absolute_where_it_is_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker that carries the run stands in another folder."""
    monkeypatch.chdir(tmp_path)
    assert params(to="./").to == str(tmp_path)
    assert params(to=params(to="./x/").to).to == str(tmp_path / "x")
    assert params(to="repository:main").in_repository


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"to": "somewhere"}, "written with a slash"),
        ({"query": ["web", "deployment/web"]}, "one of the two"),
        ({"query": ["a/b/c/d"]}, "names no workload: write KIND/NAME or NAMESPACE/KIND/NAME"),
        ({"split_size": "10kB"}, "1MB or more"),
        ({"format": "folder", "split_size": "10MB"}, "neither split"),
        ({"format": "folder", "to": "repository"}, "nor kept in a repository"),
        ({"include_sources": ["everything"]}, "there are logs, events"),
        ({"include_sources": ["logs"], "exclude_sources": ["logs"]}, "no source is left"),
        ({"since": "soon"}, "should be a duration"),
        ({"limit": "much"}, "should be a size"),
        ({"since": "1h", "until": "2h"}, "ends before it begins"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], why: str) -> None:
    """Before a cluster is asked for anything."""
    with pytest.raises(ValidationError, match=why):
        params(**given)

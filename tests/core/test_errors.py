"""One table from error code to exit code; scripts depend on it."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import k8sops
from k8sops.core import errors
from k8sops.core.errors import EXIT_CODES, ExitCode, K8sOpsError, exit_code_of


@pytest.fixture(autouse=True, scope="module")
def _every_room() -> None:
    """Errors are declared in several rooms: which of them were loaded by other tests must not matter."""
    for module in pkgutil.walk_packages(k8sops.__path__, "k8sops."):
        if module.name.endswith(".errors"):
            importlib.import_module(module.name)


def _all_errors(base: type[K8sOpsError] = K8sOpsError) -> list[type[K8sOpsError]]:
    return [base, *(found for child in base.__subclasses__() for found in _all_errors(child))]


def test_no_two_errors_declare_the_same_code() -> None:
    """Two errors under one code could not be told apart by a script; a special case may keep its parent's."""
    codes = [error.code for error in _all_errors() if "code" in vars(error)]
    assert len(codes) == len(set(codes))


def test_the_table_names_only_codes_that_exist() -> None:
    """A renamed code must not silently fall back to exit 1."""
    interruption = {"interrupted"}
    assert set(EXIT_CODES) - interruption <= {error.code for error in _all_errors()}


def test_an_unknown_code_means_failure() -> None:
    """Never 0 for something nobody thought of."""
    assert exit_code_of("never heard of") is ExitCode.FAILED


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UnknownContextError("x"), 2),
        (errors.DeniedError("x"), 3),
        (errors.ApprovalPendingError("x"), 4),
        (errors.BlockedError("x"), 5),
        (errors.TlsError("x"), 6),
        (errors.CredentialsError("x"), 6),
        (errors.DriftedError("x"), 7),
        (errors.NotFoundError("x"), 1),
        (errors.WaitError("x"), 1),
    ],
)
def test_exit_codes_are_the_contract_s(error: K8sOpsError, code: int) -> None:
    """DESIGN §6."""
    assert error.exit_code == code

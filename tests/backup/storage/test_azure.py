"""Azure's credentials: keys and signed tokens are refused in words that do not repeat them."""

from __future__ import annotations

import traceback

import pytest

from k8sops.core.errors import CredentialsError, UsageError
from tests.backup.storage.places import names, opened
from tests.support.storage_servers import ACCOUNT

SIGNATURE = "c2lnbmF0dXJlLW9mLXNvbWVib2R5LWVsc2U"
TOKEN = f"sv=2023-11-03&sr=c&sp=rwdl&se=2036-01-01T00%3A00%3A00Z&sig={SIGNATURE}"


@pytest.mark.parametrize(
    "environ",
    [{"T_AZURE_STORAGE_ACCOUNT_KEY": "bm90IHRoZSBrZXk="}, {"T_AZURE_STORAGE_SAS_TOKEN": TOKEN}],
    ids=["key", "token"],
)
async def test_wrong_credentials_are_refused_and_not_shown(
    azure_container: str, environ: dict[str, str]
) -> None:
    """A signed token is part of every request's URL, and so of what a client says went wrong."""
    url = f"az://backups/x?account={ACCOUNT}&endpoint={azure_container}&env=T_"
    storage = await opened(url, environ)
    for attempt in (
        storage.put("a", b"1"),
        storage.read("a", at_most=1),
        storage.delete("a"),
        names(storage),
    ):
        with pytest.raises(CredentialsError, match="az://backups/x refused") as caught:
            await attempt
        shown = "".join(traceback.format_exception(caught.value)) + caught.value.hint
        assert SIGNATURE not in shown
        assert "bm90IHRoZSBrZXk=" not in shown


async def test_an_account_has_to_be_named() -> None:
    """A container's name alone says nothing on Azure."""
    with pytest.raises(UsageError, match="az://nightly names no storage account"):
        await opened("az://nightly", {})

"""What is said on one line about the next: a flag's value below it in a list, and nothing below one in a sentence."""

from __future__ import annotations

import re

import pytest

from k8sops.redact import KeyedRedactor, TextRedactor
from tests.redact.support import TOKEN

REDACTOR = TextRedactor(KeyedRedactor(bytes(32)))


@pytest.mark.parametrize(
    "text",
    [
        "warning: deprecated: --api-key\npanic: nil map\n",
        "Error: unknown flag: --password\nFATAL disk full on node-1\n",
        "error: unknown flag: --token\nINFO server started on :8080\n",
        "Error: required flag(s) not set: --password\nUsage:\n  tool [flags]\n",
        "--password\npanic: nil map\n",
        "- --password\npanic: nil map\n",
        "- --password\n- --verbose\n",
        'unknown flag "--password",\n"panic"\n',
        '  "--password"\n"panic"\n',
    ],
)
def test_a_line_below_a_flag_that_is_no_list_s_item_stays(text: str) -> None:
    """The panic that one looks for stands below the warning."""
    assert REDACTOR.redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "args:\n- --password\n- ⟦hunter2⟧\n- x\n",
        '  - "--password"\n  - "⟦hunter2⟧"\n',
        '"args": [\n  "--password",\n  "⟦hunter2⟧"\n]\n',
        "mytool --password \\\n  ⟦hunter2⟧ --verbose \\\n  --more\n",
        "- --password\n- --token\n- ⟦hunter2⟧\n",
        "args:\r\n- --password\r\n- ⟦hunter2⟧\r\n",
    ],
)
def test_a_flag_s_value_as_the_next_item_is_taken_out(text: str) -> None:
    """As manifests and shells have it."""
    before, _, after = re.split("[⟦⟧]", text)
    done = REDACTOR.redact(re.sub("[⟦⟧]", "", text))
    assert re.fullmatch(re.escape(before) + TOKEN + re.escape(after), done), done

"""Reading a policy file: what is refused, and that the refusal says where and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8sops.core.errors import ExitCode, PolicyError
from k8sops.policy.checks import warnings
from k8sops.policy.load import load_policy, parse_policy
from k8sops.policy.yaml_text import BadYamlError, read_yaml
from tests.policy.cases import PROD, STAGING, example_text, policy

KEY = "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
KEY_ID = "21fe31dfa154a261"
PEOPLE = f"""
clusters:
  - {{uid: {PROD}, name: prod, aliases: [eu], environment: production}}
  - {{uid: {STAGING}, name: staging, environment: staging}}
people:
  alice: {{groups: [sre], cluster: [{{cluster: prod, username: alice}}], slack: [{{team: T1, user: U1}}]}}
  bob: {{groups: [dba]}}
roles: {{lead: {{people: [alice]}}}}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "policy.yaml must hold a mapping that begins with `format: 1`"),
        ("- a", "must hold a mapping"),
        ("rules: []", "format: this key is missing"),
        ("format: 2", "format: should be 1"),
        ("format: 1\nruels: []", "ruels: there is no such key"),
        ("format: 1\nread_only: maybe", "read_only: should be a valid boolean"),
        ("format: 1\nread_only: true\nread_only: false", "line 3: the key 'read_only' stands there twice"),
        ("format: 1\nrules: [{name: a, effect: alow}]", "rules[0] (a).effect: should be 'allow'"),
        ("format: 1\nrules: [{name: a}]", "rules[0] (a).effect: this key is missing"),
        ("format: 1\nrules: [{name: a, effect: deny, approvals: 2}]", "rules[0] (a): approvals, from"),
        ("format: 1\nrules: [{name: a, effect: approve, approvals: 0}]", "rules[0] (a).approvals"),
        ("format: 1\nrules: [{name: a, effect: approve, at_terminal: 2}]", "at_terminal is more than approvals"),
        ("format: 1\nrules: [{name: a, effect: deny, match: {when: 'plan.stepz == 1'}}]",
         "rules.a.match.when: plan has no 'stepz'; it has action,"),
        ("format: 1\nrules: [{name: a, effect: deny, match: {when: '1 +'}}]", "rules.a.match.when: "),
        ("format: 1\nrules: [{name: a, effect: deny, ticket: '(?=x)'}]", "rules.a.ticket: "),
        ("format: 1\nrules: [{name: a, effect: deny}, {name: a, effect: deny}]", "are called 'a'"),
        ("format: 1\nrules: [{name: a, effect: deny, unless: [{}]}]", "rules.a.unless[0]: an exception without"),
        ("format: 1\nfreezes: [{name: a, windows: []}]", "freezes[0] (a).windows"),
        ("format: 1\nfreezes: [{name: a, windows: [{from: fri 25:00, to: mon 07:00}]}]", "not an hour of the day"),
        ("format: 1\nfreezes: [{name: a, windows: [{from: 2027-02-01, to: 2027-01-01}]}]", "before it begins"),
        ("format: 1\nfreezes: [{name: a, windows: [{from: 2027-01-01, to: 2027-02-01, zone: Mars/Base}]}]",
         "'Mars/Base' is not a time zone"),
        ("format: 1\nfreezes: [{name: a, windows: [{from: 2027-01-01, to: 2027-02-01, zone: ../../etc/passwd}]}]",
         "is not a time zone"),
        ("format: 1\nclusters: [{uid: a, name: x, environment: p}, {uid: b, name: x, environment: p}]",
         "two clusters are called 'x'"),
        ("format: 1\nexecute_as: {services: [{name: a, actions: [x], user: 'system:admin'}]}", "'system:admin' is not"),
        ("format: 1\nexecute_as: {services: [{name: a, actions: [x], user: a, groups: ['System:masters']}]}",
         "'System:masters' is not acted as"),
        ("format: 1\ncheckpoint_keys: [{id: 0000000000000000, key: '" + KEY + "'}]", f"is {KEY_ID}"),
        ('format: 1\npeople: {"a\\u202eb": {}}', "people.a?b"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_file_and_key(text: str, said: str) -> None:
    """Who wrote the file sees this sentence only, and an ignored key would be a rule that does not hold."""
    with pytest.raises(PolicyError) as raised:
        parse_policy(text.encode(), where="policy.yaml")
    assert raised.value.message.startswith("policy.yaml")
    assert raised.value.hint
    assert raised.value.exit_code is ExitCode.USAGE
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "rules: [{name: a, effect: deny, match: {groups: [sren]}}]",
            "rules.a.match.groups: there is no group",
        ),
        ("rules: [{name: a, effect: deny, match: {people: [allice]}}]", "there is no person 'allice'"),
        ("rules: [{name: a, effect: deny, match: {roles: [sre]}}]", "there is no role 'sre'"),
        ("rules: [{name: a, effect: deny, match: {clusters: [prd]}}]", "no cluster is called 'prd'"),
        ("rules: [{name: a, effect: deny, unless: [{clusters: [prd]}]}]", "rules.a.unless[0].clusters"),
        (
            "rules: [{name: a, effect: approve, from: [nobody]}]",
            "rules.a.from: there is no group or role 'nobody'",
        ),
        ("baseline: {low: {effect: approve, from: [nobody]}}", "baseline.low.from"),
        ("administrators: {groups: [admins]}", "administrators.groups: there is no group 'admins'"),
        ("break_glass: {people: [zoe]}", "break_glass.people: there is no person 'zoe'"),
        ("concurrency: {clusters: {prd: 2}}", "concurrency.clusters.prd"),
        ("execute_as: {people: {zoe: {user: zoe}}}", "execute_as.people: there is no person 'zoe'"),
        ("slack: {on_call: [night]}", "slack.on_call: there is no group or role 'night'"),
        (
            "slack: {usergroups: [{team: T1, usergroup: S1, group: night}]}",
            "slack.usergroups: there is no group or role 'night'",
        ),
        ("slack: {usergroups: [{team: T1, usergroup: sre, group: sre}]}", "slack.usergroups[0].usergroup"),
        (
            "slack: {usergroups: [{team: T1, usergroup: S1, group: dba}, {team: T1, usergroup: S2, group: dba}]}",
            "dba in T1 is listed twice",
        ),
        (
            "slack: {notify: [{on: [drill.failed], team: T1, channel: C1}]}",
            "there are no news 'drill.failed'",
        ),
        (
            "slack: {notify: [{on: [failed], team: T1, channel: C1, quiet: {from: '22:00', to: late}}]}",
            "slack.notify[0].quiet",
        ),
        (
            "slack: {notify: [{on: [failed], team: T1, channel: C1, quiet: {from: '22:00', to: '07:00',"
            " except: [critical]}}]}",
            "there are no news 'critical'",
        ),
        ("slack: {channels: [{team: T1, channel: C1, cluster: prd}]}", "no cluster is called 'prd'"),
        ("slack: {channels: [{team: T1, channel: ops, cluster: prod}]}", "slack.channels[0].channel"),
        ("slack: {log_bundles: [{team: T1, channel: ops}]}", "slack.log_bundles[0].channel"),
        (
            "slack: {log_bundles: [{team: T1, channel: C1}, {team: T1, channel: C1}]}",
            "slack.log_bundles: C1 of T1 is listed twice",
        ),
        (
            "slack: {channels: [{team: T1, channel: C1, cluster: prod}, {team: T1, channel: C1, cluster: prod}]}",
            "C1 of T1 is listed twice",
        ),
    ],
)
def test_a_name_that_is_not_there_is_refused(text: str, said: str) -> None:
    """A misspelt group in a `deny` never matches, and nobody notices until it should have."""
    with pytest.raises(PolicyError) as raised:
        policy(PEOPLE + text)
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{cluster: [{cluster: prod, username: alice}]}", "is mapped to alice and to eve"),
        ("{cluster: [{cluster: [staging, eu], username: alice}]}", "is mapped to alice and to eve"),
        (f"{{cluster: [{{cluster: {PROD}, username: alice}}]}}", "is mapped to alice and to eve"),
        ("{slack: [{team: T1, user: U1}]}", "U1 of T1 is mapped to alice and to eve"),
        ("{cluster: [{cluster: prod, username: kubernetes-admin}]}", "is shared"),
        ("{cluster: [{cluster: prod, username: 'system:serviceaccount:a:b'}]}", "is shared"),
        ("{cluster: [{cluster: prd, username: eve}]}", "no cluster is called 'prd'"),
        ("{slack: [{team: T1, user: eve}]}", "people.eve.slack"),
        (f"{{keys: [{{id: {KEY_ID}, key: '{KEY}'}}, {{id: {KEY_ID}, key: '{KEY}'}}]}}", "is pinned twice"),
        (f"{{keys: [{{id: 0000000000000000, key: '{KEY}'}}]}}", "the key called 0000000000000000 is"),
        ("{groups: [lead]}", "'lead' is a group as well"),
    ],
)
def test_a_key_belongs_to_one_person(entry: str, said: str) -> None:
    """Two persons behind one key are two approvals from one human, or one human's approval in another's name."""
    with pytest.raises(PolicyError) as raised:
        policy(PEOPLE.replace("  bob:", f"  eve: {entry}\n  bob:"))
    assert said in raised.value.message


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [1]\nb: *x",
        "a: &x {b: c}\nd: {<<: *x}",
        "a: !!python/object/apply:os.system [id]",
        "!!set {a}",
        "a: b\n---\nc: d",
        "[" * 100 + "]" * 100,
        "{a: " * 100 + "b" + "}" * 100,
        "? [a]\n: b",
        "? {a: b}\n: c",
        "1: a",
        "a: [",
        "a: \x00",
        "\t- a",
        "%YAML 9.9\n--- a",
        "a: !foo b",
    ],
)
def test_yaml_that_is_not_plain_is_refused(text: str) -> None:
    """A policy is reviewed by reading it; what does not mean what it shows has no place in it."""
    with pytest.raises(BadYamlError):
        read_yaml(text.encode())


def test_words_stay_words() -> None:
    """YAML 1.1 makes 960, false and a date of these, and a freeze would begin at another hour."""
    found = read_yaml(b"a: 16:00\nb: no\nc: 2026-12-20\nd: on\ne: 1.5\nf: 0o17\ng: 012\nh: 12\ni: true\nj: ~")
    assert list(found.values()) == ["16:00", "no", "2026-12-20", "on", "1.5", "0o17", "012", 12, True, None]


@pytest.mark.parametrize(
    "data", [b"\xff\xfea", b"x" * ((1 << 20) + 1), b"- a\n" * 300_000, b"a: [" * 200_000]
)
def test_a_hostile_file_is_refused(data: bytes) -> None:
    """`doctor` reads whatever K8SOPS_POLICY names; unbounded, these run for hours or end the process."""
    with pytest.raises(PolicyError):
        parse_policy(data, where="policy.yaml")


@given(
    st.binary(max_size=200) | st.text(alphabet="{}[]:,-&*!?#'\"\n abc%@`|>~0", max_size=60).map(str.encode)
)
def test_nothing_but_a_policy_error_comes_out(data: bytes) -> None:
    """A traceback out of a library says nothing to who wrote the file."""
    with pytest.raises(PolicyError):
        parse_policy(data, where="policy.yaml")


def test_files_that_are_not_there_or_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A team's policy that is silently not in force would be the worst outcome of a typing error."""
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(PolicyError) as raised:
            load_policy(path)
        assert str(path) in raised.value.message


def test_the_version_is_that_of_the_meaning(tmp_path: Path) -> None:
    """A comment or another order of keys is the same policy; another number is another."""
    one = policy("concurrency: {per_cluster: 4}\nread_only: false")
    same = policy("# four\nread_only:   false\nconcurrency:\n  per_cluster: 4\n")
    other = policy("concurrency: {per_cluster: 5}")
    assert one.version == same.version != other.version
    assert len(one.version) == 12
    path = tmp_path / "policy.yaml"
    path.write_bytes(example_text())
    assert load_policy(path).version == parse_policy(example_text(), where="elsewhere").version


def test_what_can_never_be_met_is_a_warning() -> None:
    """`doctor` says so before the first approval is stuck."""
    rules = (
        "rules:\n"
        "  - {name: a, effect: approve, approvals: 2, from: [sre]}\n"
        "  - {name: b, effect: approve, from: [dba]}"
    )
    found = {
        problem.path: problem.text for problem in warnings(policy(PEOPLE + "trust: signed\n" + rules).file)
    }
    assert "it can never be met" in found["rules.a"]
    assert "none of them can be requester" in found["rules.b"]
    assert "has no pinned key" in found["people.alice"]
    assert "nobody may pin keys" in found["administrators"]

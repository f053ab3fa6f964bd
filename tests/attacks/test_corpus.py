"""The whole corpus, against every isolation of this machine, by root and by a normal user."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import patience
import pytest
from attacks import nobody
from attacks.attacks import ATTACKS
from attacks.forgeries import FORGERIES
from attacks.hold import FURTHER
from attacks.loopholes import LOOPHOLES
from workspace import ROOT

HERE = Path(nobody.__file__).parent

HOLD = [sys.executable, str(HERE / "hold.py")]
STAGES = [sys.executable, str(HERE / "stages_held.py")]
DENY = [sys.executable, str(HERE / "deny.py")]


def found(command):
    """What the corpus came to, in a session of its own."""
    done = patience.run(command, 600, start_new_session=True, cwd="/tmp")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def users():
    yield pytest.param(list, id="this user")
    root = os.geteuid() == 0 and shutil.which("setpriv") and shutil.which("unshare")
    why = "needs root, setpriv and unshare (util-linux) to become another user"
    skip = pytest.mark.skipif(not root, reason=why)
    yield pytest.param(nobody.command, id="nobody", marks=skip)
    yield pytest.param(nobody.opened, id="root that becomes nobody", marks=skip)


@pytest.mark.parametrize("user", list(users()))
@pytest.mark.parametrize("isolation", ["bubblewrap", "landlock"])
def test_no_attack_gets_out_and_no_benign_program_is_misjudged(user, isolation):
    counts = found(user([*HOLD, "--isolation", isolation]))
    if not counts["isolations"]:
        pytest.skip(f"{isolation} does not work on this machine")
    assert counts["failures"] == []
    assert counts["attacks"] >= 60 and counts["benign"] >= 40 and counts["further"] >= 60


@pytest.mark.parametrize("user", list(users()))
def test_where_namespaces_are_forbidden_the_corpus_holds_all_the_same(user):
    counts = found(user([*DENY, *HOLD]))
    assert [name.partition(" ")[0] for name in counts["isolations"]] in (["landlock"], ["landlock"] * 2)
    assert counts["failures"] == []


@pytest.mark.parametrize("user", list(users()))
@pytest.mark.parametrize("words", [STAGES, [*DENY, *STAGES]], ids=["best", "where namespaces are forbidden"])
def test_no_function_ends_a_stage_or_loses_another_row(user, words):
    counts = found(user(words))
    assert counts["failures"] == [] and counts["ended"] == 0
    assert counts["constraints"] >= 300


def counted(heading):
    """The numbers in the last column but one of a table of the page on the sandbox."""
    text = (ROOT / "docs/sandbox.md").read_text(encoding="utf-8")
    table = text.partition(heading)[2].partition("\n\n")[0]
    return [int(row.split("|")[2]) for row in table.splitlines()[2:]]


def test_the_page_on_the_sandbox_counts_the_attacks_as_they_are():
    for heading, attacks, exams in (
        ("| attack | programs |", ATTACKS, FORGERIES),
        ("| further attack | programs |", FURTHER, LOOPHOLES),
    ):
        kinds = Counter(each.kind for each in attacks)
        assert sorted(counted(heading)) == sorted([*kinds.values(), len(exams)])
    assert len({each.name for each in ATTACKS + FURTHER}) == len(ATTACKS + FURTHER)

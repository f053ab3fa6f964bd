"""The stages that run code which a model wrote, on rows whose functions are the whole corpus."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from test_corpus import DENY, HERE, users

HELD = [sys.executable, str(HERE / "stages_held.py")]


@pytest.mark.parametrize("user", list(users()))
@pytest.mark.parametrize("words", [HELD, [*DENY, *HELD]], ids=["best", "where namespaces are forbidden"])
def test_no_function_ends_a_stage_or_loses_another_row(user, words):
    done = subprocess.run(
        user(words), capture_output=True, text=True, timeout=500, start_new_session=True, cwd="/tmp"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failures"] == []
    assert found["constraints"] >= 300

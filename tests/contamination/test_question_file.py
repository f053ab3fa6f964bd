"""Questions on disk are those that were written, in any order."""

from __future__ import annotations

import tempfile
from functools import partial

import pytest

from evobuild.contamination import question_file
from evobuild.contamination.evaluation_sets import Question
from evobuild.core.errors import UserError

QUESTIONS = [
    Question("q:1", ("Wie viele Äpfel?", ""), ("3", "drei"), ("Hi.",)),
    Question("q:2", ("\ud800\u2028\n",), ()),
    Question("q:3", ("",), ("x",)),
]


def test_questions_are_read_by_number_and_in_order() -> None:
    with question_file.open_question_file(iter(QUESTIONS)) as found:
        assert (len(found), list(found)) == (3, QUESTIONS)
        assert [found[number] for number in (2, 0, 1)] == [QUESTIONS[number] for number in (2, 0, 1)]
    with question_file.open_question_file([]) as found:
        assert (len(found), list(found)) == (0, [])


def test_a_full_disk_is_said(monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(open, "/dev/full", "wb"))
    with pytest.raises(UserError, match="its disk is full"), question_file.open_question_file(QUESTIONS):
        pass

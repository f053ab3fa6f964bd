"""Questions in a temporary file, so that a million of them take disk and no memory."""

from __future__ import annotations

import json
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from evobuild.contamination.evaluation_sets import Question
from evobuild.core.errors import UserError
from evobuild.process.full_disk import explain_full_disk, is_full_disk


class QuestionFile:
    """Questions by their number, from 0, each read when it is asked for.

    file: the descriptor of an open file. ends: where each question ends, after 0, where the first begins.
    """

    def __init__(self, file: int, ends: array[int]) -> None:
        self._file, self._ends = file, ends

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> Question:
        start, end = self._ends[number : number + 2]
        place, *texts = json.loads(os.pread(self._file, end - start, start))
        return Question(place, *map(tuple, texts))

    def __iter__(self) -> Iterator[Question]:
        return map(self.__getitem__, range(len(self)))


@contextmanager
def open_question_file(questions: Iterable[Question]) -> Iterator[QuestionFile]:
    """Have questions in a file in the folder for temporary files, TMPDIR, for this block.

    Raises UserError if the disk is full.
    """
    with tempfile.TemporaryFile() as file:
        ends = array("q", [0])
        for question in questions:
            line = json.dumps(question).encode()
            _write(file.fileno(), line, ends[-1])
            ends.append(ends[-1] + len(line))
        yield QuestionFile(file.fileno(), ends)


def _write(file: int, line: bytes, at: int) -> None:
    try:
        while line:
            written = os.pwrite(file, line, at)
            line, at = line[written:], at + written
    except OSError as error:
        if is_full_disk(error):
            raise UserError(explain_full_disk(tempfile.gettempdir())) from error
        raise

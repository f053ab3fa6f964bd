"""A model that measures in workers of a real Ray: the numbers of one process, whatever becomes of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
import worker_tasks

from evobuild.core import machine
from evobuild.core.errors import UserError
from evobuild.core.uri import Weights
from evobuild.models import workers
from evobuild.models.ray_cluster import CONNECTION
from evobuild.models.workers import Workers
from evobuild.scoring.params import Score
from evobuild.scoring.score import Scorer

RAY = "ray: {replicas: 2}\n"


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """A Ray that all tests of this module use; its workers can import the tests' tasks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(worker_tasks.__file__).parent), prepend=os.pathsep)
        yield CONNECTION.join(machine.Ray(replicas=2))
    CONNECTION.leave()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write machine.yaml of a project of the test's own, which has measured nothing."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))

    def write(text: str) -> None:
        monkeypatch.setenv("EVOBUILD_STORE", str(tmp_path / f"{len(text)}.sqlite"))
        (tmp_path / "machine.yaml").write_text(text)

    return write


def test_scores_are_those_of_one_process_to_the_last_digit(ray: Any, settings: Callable[[str], None]) -> None:
    texts = [("Name a fish. " * (1 + place % 7), "A pike. " * (place % 5)) for place in range(80)]
    rows = [
        tiny.row(instruction=f"{place}: {asked}", output=said) for place, (asked, said) in enumerate(texts)
    ]
    given = Score(template="plain", dtype="float32", max_length=96)
    found = []
    for text in ("", RAY):
        settings(text)
        with Scorer(Weights(str(tiny.folder())), given) as scorer:
            found.append(sorted(scorer.score_rows(rows)))
    assert found[0] == found[1] and len(found[0]) == len(rows)


def test_a_killed_worker_costs_no_item(ray: Any, settings: Callable[[str], None], tmp_path: Path) -> None:
    settings(RAY)
    (tmp_path / "marks").mkdir()
    with Workers(worker_tasks.doubling(33, tmp_path / "marks")) as own:
        found = sorted(value for value, *_ in own.measure(list(range(1, 101))))
    assert found == [2 * number for number in range(1, 101)]
    assert len(list((tmp_path / "marks").iterdir())) == 1


def test_one_that_cannot_begin_says_why(
    ray: Any, settings: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(RAY)

    def refuse(self: Any, *given: Any) -> None:
        raise RuntimeError("no place for the doubler")

    monkeypatch.setattr(
        workers, "_RayWorker", type("_Refusing", (), {"__init__": refuse, "identity": refuse})
    )
    with Workers(worker_tasks.doubling()) as own, pytest.raises(UserError, match="no place for the doubler"):
        list(own.measure([1, 2, 3]))

"""A toy beside real models is refused unless it is allowed, and labels all that stands on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import variants

from evobuild.cli.check import toy_checks
from evobuild.cli.check.all_params import Params
from evobuild.core import metrics
from evobuild.core.errors import BadParams

REAL = {f"models.{role}": "openai:m" for role in ("evolver", "optimizer", "responder", "judge")}
EVALUATED = {"evaluate.models": {"one": "openai:m"}}
NO_BASE = {"bases": {"b": {"model": "org/base"}}}
NO_SCORER = {"models.scorer": None}
EXPERIENCED = {"models.scorer": "models/experienced", "experience.base": "org/base"}


def given(*changes: dict[str, object]) -> Params:
    """The shipped params with others."""
    every = {key: value for each in changes for key, value in each.items()}
    return Params.model_validate(variants.changed(variants.DEFAULT, every))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ((REAL,), "models.evolver is openai:m, and models.scorer and bases.toy are the toy"),
        ((REAL, NO_SCORER), "models.evolver is openai:m, and bases.toy is the toy"),
        ((REAL, NO_BASE), "models.scorer is the toy"),
        ((REAL, NO_BASE, {"models.scorer": "models/experienced"}), "models.scorer is the toy"),
        (({"models.judge": "openai:m"},), "models.judge is openai:m"),
        (({"models.tagger": "openai:m"},), "models.tagger is openai:m"),
    ],
)
def test_real_roles_refuse_a_toy_unless_told(changes: tuple[dict[str, object], ...], named: str) -> None:
    with pytest.raises(BadParams, match=named) as caught:
        toy_checks.check_toys(given(*changes))
    assert "allow_toy: true, which labels everything TOY" in str(caught.value)
    allowed = given(*changes, {"allow_toy": True})
    toy_checks.check_toys(allowed)
    assert "TOY" in toy_checks.choose_label(allowed)


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ((), "DRY RUN"),
        (({"allow_toy": True},), "DRY RUN"),
        ((REAL, NO_BASE, NO_SCORER, EVALUATED), ""),
        ((REAL, {"allow_toy": True}, EVALUATED), "TOY"),
        ((REAL, {"allow_toy": True, "models.judge": "simulated:small"}, EVALUATED), "DRY RUN, TOY"),
        (
            (
                REAL,
                NO_BASE,
                {"models.scorer": "models/experienced", "experience.base": "org/base"},
                EVALUATED,
            ),
            "",
        ),
    ],
)
def test_the_label_says_what_all_stands_on(changes: tuple[dict[str, object], ...], label: str) -> None:
    params = given(*changes)
    toy_checks.check_toys(params)
    assert toy_checks.choose_label(params) == label


@pytest.mark.parametrize("label", ["", "DRY RUN", "TOY", "DRY RUN, TOY"])
def test_figures_stand_below_their_label_and_are_read_back(tmp_path: Path, label: str) -> None:
    metrics.write_label(tmp_path / "label.txt", label)
    assert metrics.read_label(tmp_path / "label.txt") == label
    metrics.write_metrics(tmp_path / "figures.json", {"rows": 3}, tmp_path / "label.txt")
    assert metrics.read_metrics(tmp_path / "figures.json") == {"rows": 3}
    assert list(json.loads((tmp_path / "figures.json").read_text())) == [label or "rows"]


def test_a_label_is_explained_whole() -> None:
    assert metrics.explain_label("TOY") == (
        "TOY: a toy model scored rows or was tuned; nothing here is a result"
    )
    assert metrics.explain_label("DRY RUN, TOY").startswith("DRY RUN, TOY: models are simulated, with no ")

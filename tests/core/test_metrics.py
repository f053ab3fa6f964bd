"""Figures of a dry run say so themselves, and figures of real models do not."""

from __future__ import annotations

import json

import pytest
from reported import REAL, SIMULATED, settings
from workspace import SHIPPED_PARAMS

from evobuild.core import metrics
from evobuild.core.errors import BadInput
from stages import check

FIGURES = {"rows": {"r0": 3}, "model": None}


@pytest.fixture
def written(tmp_path):
    """Check params with these models, then write figures; give what stands in their file."""

    def write(models):
        outs = {name: tmp_path / name for name in ("checked", "label")}
        no_toy = settings(models | {"scorer": "a/b"}, bases={"toy": {"model": "a/b"}})
        check.main(no_toy, check.Arguments(values=SHIPPED_PARAMS, **outs))
        metrics.write_metrics(tmp_path / "figures.json", FIGURES, outs["label"])
        assert metrics.read_metrics(tmp_path / "figures.json") == FIGURES
        return json.loads((tmp_path / "figures.json").read_text())

    return write


@pytest.mark.parametrize(
    "models",
    [SIMULATED, *({**REAL, role: "simulated:large"} for role in (*REAL, "tagger"))],
    ids=["all", *REAL, "tagger"],
)
def test_one_simulated_role_makes_it_a_dry_run(written, models):
    assert written(models) == {"DRY RUN": FIGURES}


def test_figures_of_real_models_stand_as_they_are(written):
    assert written(dict.fromkeys(REAL, "openai:some-model")) == FIGURES


def test_a_label_that_is_missing_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"label\.txt: no such file.*; the stage check"):
        metrics.write_metrics(tmp_path / "figures.json", FIGURES, tmp_path / "label.txt")


@pytest.mark.parametrize("text", ["3", "[]", "null"])
def test_what_is_no_object_is_given_as_it_is(tmp_path, text):
    (tmp_path / "figures.json").write_text(text)
    assert metrics.read_metrics(tmp_path / "figures.json") == json.loads(text)

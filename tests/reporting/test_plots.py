"""What DVC itself makes of the figures of benchmarks: bars in `dvc plots`, changes in `dvc metrics diff`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import evaluated
import pytest
import workspace
import yaml

from evobuild.core import metrics
from evobuild.core.json_files import read_json_file

TEMPLATE = Path(".dvc/plots/benchmarks.json")
PAGE = Path(".dvc/plots/page.html")
FIGURES = "metrics/evaluation.csv"
PLOT = {"template": "benchmarks", "x": "value", "y": "model", "title": "Main figure of each benchmark"}
DVC = (sys.executable, "-m", "dvc")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose figures were committed, and one of which changed since."""
    root = tmp_path_factory.mktemp("plots")
    for name in (TEMPLATE, PAGE, ".dvc/config", ".dvc/.gitignore"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((workspace.ROOT / name).read_bytes())
    figures = {"plots": [{FIGURES: PLOT}], "metrics": ["metrics/evaluation.json"]}
    (root / "dvc.yaml").write_text(yaml.safe_dump(figures))
    (root / "metrics").mkdir()
    where = evaluated.sources_in(root)._replace(figures=root / FIGURES)
    evaluated.write_figures(where)
    metrics.write_label(root / "label", metrics.DRY_RUN)
    write(root, 0.5)
    workspace.commit(root)
    write(root, 0.75)
    (root / FIGURES).write_text((root / FIGURES).read_text().replace("True,0.5,", "True,0.75,"))
    return root


def write(root: Path, value: float) -> None:
    own = {"value": value, "standard_error": 0.1, "low": 0.1, "high": 0.9, "units": 4}
    figures = {"base": {"sums": {"accuracy": own}}}
    metrics.write_metrics(root / "metrics/evaluation.json", figures, root / "label")


def test_bars_stand_beside_one_another_by_benchmark_model_and_revision(clone: Path):
    found = json.loads(workspace.run(clone, *DVC, "plots", "diff", "HEAD", "--json"))
    [plot] = found["data"][FIGURES]
    assert "errors" not in found and set(plot["revisions"]) == {"HEAD", "workspace"}
    bars = {
        (row["rev"], row["benchmark"], row["model"]): (row["value"], row["low"], row["high"])
        for row in plot["content"]["data"]["values"]
        if row["headline"] == "True"
    }
    assert bars["HEAD", "sums", "base"] == ("0.5", "0.15", "0.85")
    assert bars["workspace", "sums", "base"][0] == "0.75" and bars["workspace", "talk", "tuned"][1] == ""
    assert "<DVC" not in json.dumps(plot["content"])


def test_a_page_of_plots_is_written(clone: Path):
    workspace.run(clone, *DVC, "plots", "show", "-o", "shown")
    page = (clone / "shown/index.html").read_text(encoding="utf-8")
    assert "Main figure of each benchmark" in page


def test_the_page_of_plots_loads_nothing_and_its_policy_lets_it_load_nothing(clone: Path):
    workspace.run(clone, *DVC, "plots", "show", "-o", "offline")
    page = (clone / "offline/index.html").read_text(encoding="utf-8")
    assert re.findall(r"<[a-z]+[^>]* (?:src|href)\s*=[^>]*", page[: page.index("<script>")]) == []
    assert "<script src" not in page and "cdn." not in page
    [policy] = re.findall(r'Content-Security-Policy"\s+content="([^"]+)"', page)
    assert policy.startswith("default-src 'none'; ") and "http" not in policy


def test_the_change_of_a_figure_is_told_below_its_label(clone: Path):
    said = workspace.run(clone, *DVC, "metrics", "diff", "HEAD", "--json")
    changed = json.loads(said)["metrics/evaluation.json"]
    [(name, change)] = changed.items()
    assert name == "DRY RUN.base.sums.accuracy.value"
    assert (change["old"], change["new"], change["diff"]) == (0.5, 0.75, 0.25)


def test_the_template_draws_columns_that_the_table_has(clone: Path):
    text = json.dumps(read_json_file(workspace.ROOT / TEMPLATE))
    header = (clone / FIGURES).read_text().splitlines()[0].split(",")
    for column in ("headline", "benchmark", "figure", "low", "high", PLOT["x"], PLOT["y"]):
        assert column in header
    assert all(f"datum.{column}" in text for column in ("headline", "benchmark", "figure"))

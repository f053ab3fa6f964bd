"""The page of `dvc plots show`: it draws without the network, by scripts of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import workspace
import yaml
from chromium import Page

LINES = "step,loss\n1,3.0\n2,2.5\n"
BARS = "rows,level\n3,easy\n5,hard\n"
FIGURES = "model,benchmark,figure,headline,value,low,high\nbase,sums,accuracy,True,0.5,0.4,0.6\n"
PLOTS = [
    {"lines.csv": {"x": "step", "y": "loss"}},
    {"bars.csv": {"template": "bar_horizontal_sorted", "x": "rows", "y": "level"}},
    {"figures.csv": {"template": "benchmarks", "x": "value", "y": "model"}},
]


def test_plots_are_drawn_without_the_network(tmp_path: Path) -> None:
    for name in (".dvc/config", ".dvc/plots/page.html", ".dvc/plots/benchmarks.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((workspace.ROOT / name).read_bytes())
    for name, text in {"lines": LINES, "bars": BARS, "figures": FIGURES}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"plots": PLOTS}))
    workspace.commit(tmp_path)
    workspace.run(tmp_path, sys.executable, "-m", "dvc", "plots", "show", "-o", "shown")
    address = (tmp_path / "shown/index.html").as_uri()
    with Page() as page:
        page.open(address)
        page.wait("document.querySelectorAll('.vega-embed svg.marks').length === 3")
        assert page.run("document.querySelectorAll('.mark-line path, .mark-rect path').length") >= 4
        assert page.run("document.querySelectorAll('.vega-actions a[href^=http]').length") == 0
        assert page.errors == []
        assert [each for each in page.asked if not each.startswith(("data:", "blob:"))] == [address]

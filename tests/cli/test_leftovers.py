"""What rounds, pools and stages leave that are no more: removed where it can be brought back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import workspace

from evobuild.cli.check.leftovers import clean_leftovers
from evobuild.core.stages import stage_instances
from evobuild.core.yaml_files import read_yaml

OF_STAGES = ("rounds/r1.parquet", "measures/ratings/r1.parquet", "measures/scores/gone.parquet")
LEFT = ("rounds/gone.parquet", "measures/ratings/gone.parquet", "measures/gone/r1.parquet")
USERS = ("measures/own/r1.parquet", "measures/notes.txt")


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Params, where stages left outs, some of no stage any more, beside files of the user's own."""
    monkeypatch.chdir(tmp_path)
    for name in (*OF_STAGES, *LEFT, *USERS):
        path = Path("data", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    workspace.run(tmp_path, "dvc", "init", "-q", "--no-scm")
    for name in LEFT:
        Path("kept").write_text(name)
        workspace.run(tmp_path, "dvc", "add", "-q", "kept")
    return read_yaml(workspace.SHIPPED_PARAMS)


def test_leftovers_go_if_dvc_holds_them_and_what_is_not_an_out_stays(params, capsys) -> None:
    clean_leftovers(stage_instances(params))
    assert {str(path.relative_to("data")) for path in Path("data").rglob("*.*")} == {*OF_STAGES, *USERS}
    removed, strange = capsys.readouterr().err.splitlines()
    gone = "data/measures/gone, data/measures/ratings/gone.parquet, data/rounds/gone.parquet"
    assert removed.endswith(f": {gone}")
    assert "data/measures/notes.txt, data/measures/own; move them away" in strange
    assert not Path("data/measures/gone").exists()

"""dvc.yaml and the roster are what the scripts declare."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from workspace import ROOT

from evobuild.cli.pipeline.declared import declared_stages
from evobuild.cli.pipeline.dvc_yaml import pipeline_text
from evobuild.cli.pipeline.pipeline import derived_files
from evobuild.cli.project.template import shipped_files
from evobuild.core import stages as roster
from evobuild.core.errors import BadInput

SCRIPT = """\
from dataclasses import dataclass
from pathlib import Path
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import Part, RandomSeed


class Params(Part):
    random_seed: RandomSeed


@dataclass(frozen=True, kw_only=True)
class Arguments:
    rows: Path = Path("data/rounds")
    made: Out = out("data/made.txt", push=False)


STAGE = Stage(desc="Do: 'it'.", after={after!r}, waits_for=("it's",))


def main(params: Params, args: Arguments) -> None: ...
"""


def test_the_files_are_those_that_follow_from_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for path, text in derived_files().items():
        assert path.read_text() == text, f"{path}: run evobuild pipeline"
    names = [stage.name for stage in roster.STAGES]
    assert names == [each.name for each in declared_stages()]
    assert sorted(names) == sorted(path.stem for path in Path("stages").glob("[!_]*.py"))


def test_what_is_not_pushed_is_shared_at_a_word_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shared = yaml.safe_load(pipeline_text(declared_stages(), pushed=True))
    assert {"data/rounds/r0.parquet": {"push": True}} in shared["stages"]["seed"]["outs"]


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of scripts that `stages` is."""
    import stages

    monkeypatch.setattr(stages, "__path__", [str(tmp_path)])
    return tmp_path


def write(folder: Path, **after: str) -> None:
    for name, before in after.items():
        (folder / f"{name}.py").write_text(SCRIPT.replace("{after!r}", repr(before)))


def test_stages_follow_one_another_and_one_that_is_put_in_comes_at_once(scripts: Path) -> None:
    write(scripts, made_first="", made_a="made_first", made_b="made_a", made_own="made_first")
    found = [each.name for each in declared_stages(scripts)]
    assert found == ["made_first", "made_own", "made_a", "made_b"]
    text = pipeline_text(declared_stages(scripts))
    own = yaml.safe_load(text)["stages"]["made_own"]
    assert own["desc"] == "Do: 'it'." and {"data/rounds", "it's"} < set(own["deps"])
    assert own["outs"] == [{"data/made.txt": {"push": False}}]


@pytest.mark.parametrize("after", [{"made_c": "nothing"}, {"made_d": "made_e", "made_e": "made_d"}])
def test_a_stage_that_follows_none_is_refused(scripts: Path, after: dict[str, str]) -> None:
    write(scripts, **after)
    with pytest.raises(BadInput, match=r"STAGE\.after"):
        declared_stages(scripts)


def test_in_a_project_it_is_the_one_that_projects_begin_with(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    monkeypatch.chdir(tmp_path)
    assert derived_files() == {Path("dvc.yaml"): shipped_files()["dvc.yaml"].decode()}

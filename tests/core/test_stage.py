"""What runs a stage: defaults with names filled in, refused names, missing inputs, whole outs, --help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from evobuild.core import prompts, stage
from evobuild.core.declaration import Out, out
from evobuild.core.errors import UserError
from evobuild.core.params import RandomSeed, StageParams


class Params(StageParams):
    random_seed: RandomSeed

    def templates(self) -> tuple[str, ...]:
        return ("say.jinja",)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    round: str
    parent: str
    own_text: Path
    rows: Path = Path("data/rounds/{parent}.parquet")
    measures: Path = Path("data/measures")
    child: Out = out("made/{round}-of-{parent}.txt")
    metrics: Out = out("made/metrics.txt")


def main(params: Params, args: Arguments) -> None:
    """Copy what is read to what is written."""
    args.child.write_text(f"{params.random_seed} {args.own_text.read_text()}")
    if args.round == "r9":
        raise ZeroDivisionError
    renders = {"r7": "other.jinja", "r8": "say.jinja"}.get(args.round)
    said = prompts.render_prompt(renders) if renders else f"from {args.measures}"
    args.metrics.write_text(said)


NAMES = {"round": "r1", "parent": "r0", "own_text": "own.txt"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder in which all that `main` reads lies where it is looked for."""
    monkeypatch.chdir(tmp_path)
    for folder in ("data/rounds", "data/measures"):
        Path(folder).mkdir(parents=True)
    Path("data/rounds/r0.parquet").touch()
    Path("own.txt").write_text("text")
    Path("params.yaml").write_text("random_seed: 7\nother: of no concern\n")
    return tmp_path


def test_paths_that_are_not_given_are_the_defaults_with_the_names_filled_in():
    assert stage.stage_arguments(main, NAMES) == Arguments(
        round="r1",
        parent="r0",
        own_text=Path("own.txt"),
        rows=Path("data/rounds/r0.parquet"),
        measures=Path("data/measures"),
        child=Path("made/r1-of-r0.txt"),
        metrics=Path("made/metrics.txt"),
    )


def test_a_path_that_is_given_is_taken_as_it_is():
    given = {"rows": "{parent}.parquet", "measures": "elsewhere", "child": None}
    found = stage.stage_arguments(main, NAMES | given)
    assert (found.rows, found.measures) == (Path("{parent}.parquet"), Path("elsewhere"))
    assert found.child == Path("made/r1-of-r0.txt")


@pytest.mark.parametrize("name", ["../x", "R1", "", "1r", "r 1", "r1\n", "r1/..", "é", None])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UserError) as caught:
        stage.stage_arguments(main, NAMES | {"parent": name})
    assert str(caught.value) == f"--parent: {name!r}; expected a name of small letters, digits and '_'"


def test_main_gets_its_params_and_its_outs_take_their_names(here):
    stage.call_stage(main, here / "params.yaml", NAMES)
    assert Path("made/r1-of-r0.txt").read_text() == "7 text"
    assert Path("made/metrics.txt").read_text() == "from data/measures"
    assert {path.name for path in Path("made").iterdir()} == {"r1-of-r0.txt", "metrics.txt"}


def test_what_fails_leaves_no_out_and_not_half_of_one(here):
    Path("made").mkdir()
    Path("made/metrics.txt").write_text("of an earlier run")
    with pytest.raises(ZeroDivisionError):
        stage.call_stage(main, here / "params.yaml", NAMES | {"round": "r9"})
    assert [path.name for path in Path("made").iterdir()] == ["metrics.txt"]
    assert Path("made/metrics.txt").read_text() == "of an earlier run"


def test_prompts_are_those_of_the_folder_that_params_name(here):
    for folder, text in (("prompts", "ours"), ("mine/deep", "theirs")):
        Path(folder).mkdir(parents=True)
        Path(folder, "say.jinja").write_text(text)
    given = NAMES | {"round": "r8"}
    stage.call_stage(main, here / "params.yaml", given)
    assert Path("made/metrics.txt").read_text() == "ours"
    with Path("params.yaml").open("a") as params:
        params.write("prompts: mine/deep/\n")
    stage.call_stage(main, here / "params.yaml", given)
    assert Path("made/metrics.txt").read_text() == "theirs"


def test_a_prompt_that_the_params_of_the_stage_do_not_name_is_not_rendered(here):
    Path("prompts").mkdir()
    Path("prompts/other.jinja").write_text("ours")
    with pytest.raises(
        AssertionError, match=r"other\.jinja is rendered, but .* `templates` does not name it"
    ):
        stage.call_stage(main, here / "params.yaml", NAMES | {"round": "r7"})


@pytest.mark.parametrize(
    ("option", "path"),
    [
        ("own-text", "own.txt"),
        ("rows", "data/rounds/r0.parquet"),
        ("measures", "data/measures"),
    ],
)
def test_an_input_that_is_missing_names_its_option(here, option, path):
    Path(path).rename("aside")
    with pytest.raises(UserError) as caught:
        stage.call_stage(main, here / "params.yaml", NAMES)
    assert str(caught.value) == f"--{option}: {path} does not exist; run the stage that makes it"
    assert not Path("made").exists()


def test_help_shows_every_path_with_its_default(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    lines = [" ".join(line.split()) for line in stage.argument_parser(main).format_help().splitlines()]
    for line in (
        "--round NAME name",
        "--parent NAME name",
        "--own-text PATH read",
        "--rows PATH read; data/rounds/{parent}.parquet",
        "--measures PATH read; data/measures",
        "--child PATH written; made/{round}-of-{parent}.txt",
        "--metrics PATH written; made/metrics.txt",
    ):
        assert line in lines
    assert __doc__ in lines


@pytest.mark.parametrize(
    "words",
    [
        ["--round", "r1", "--parent", "r0"],
        ["--own-text", "own.txt", "--round", "r1"],
        ["--round", "r1", "--parent", "r0", "--own-text", "own.txt", "--ratings", "data"],
        ["--round", "r1", "--parent", "r0", "--own", "own.txt"],
    ],
    ids=["no path", "no name", "no such option", "cut short"],
)
def test_a_command_line_that_does_not_fit_is_refused(words, capsys):
    with pytest.raises(SystemExit) as caught:
        stage.argument_parser(main).parse_args(words)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err

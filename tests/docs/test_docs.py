"""README and docs name nothing that is not there: links, paths, params, commands, stages."""

from __future__ import annotations

import itertools
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from workspace import SHIPPED_PARAMS

from evobuild.__main__ import main
from evobuild.cli import preset as presets
from evobuild.cli.check.all_params import load_all_params
from evobuild.cli.check.consistency import check_params
from evobuild.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("docs/*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")))
    if path.exists()
)
DVC = read_yaml(ROOT / "dvc.yaml")["stages"]
PARAMS = read_yaml(SHIPPED_PARAMS)
TRACKED = set(subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines())
FOLDERS = {str(parent) for path in TRACKED for parent in Path(path).parents} - {"."}
WRITTEN = ("data", "models", "metrics")
"""Folders of what the pipeline writes."""
UNTRACKED = {".dvc/tmp/rwlock", "dvclive/metrics.json", "data/run.js"}
"""Files that are written beside the outs of stages."""
LOCAL = {"machine.yaml", "evobuild.lock"}
"""Files at the top that a user makes."""
OPEN = re.compile(
    r"fetch|rounds|pools|branches|decontaminate\.(sets|columns)|select\.(weights|filters\.ranges)"
    r"|evaluate\.(models|benchmarks)|contracts\.thresholds"
)
"""Params that take entries of any name."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A block of code: its language, and what it says. One without a language holds commands."""
INLINE = re.compile(r"`([^`]+)`")
NEW = re.compile(r"`([^`\n]+)`:\n\n```(?:python\n\"\"\"|jinja\n\{#)")
"""A file that a worked example makes: its path, then all of it."""
LINK = re.compile(r"\]\(([^)\s]+)\)")
PLACEHOLDER = re.compile(r"<[^<>\n]+>")
EXAMPLE = re.compile(r"#.*?(?:such as|or) (\{.*\}|\[[^\]]*\]|[\d.]+)(?=[;,]|$)")
KEY = re.compile(r"([a-z_]+(?:\.[a-z_]+)+)(?:[=:].*)?")


def commands(text: str) -> Iterator[str]:
    """The command lines of a page, and what stands in backticks, without comments; continued lines as one."""
    blocks = [content for language, content in FENCE.findall(text.replace("\\\n", " ")) if not language]
    for line in [*"".join(blocks).splitlines(), *in_backticks(text)]:
        yield re.sub(r"(?:^|\s)#.*", "", line).strip()


def in_backticks(text: str) -> list[str]:
    """What stands in backticks within the text of a page."""
    return [" ".join(each.split()) for each in INLINE.findall(FENCE.sub("", text))]


def words(command: str) -> list[str]:
    """A command line as a shell takes it apart; what is no command, word by word."""
    plain = PLACEHOLDER.sub("0" * 40, re.sub(r"\$\([^)]*\)", "", command))
    try:
        return shlex.split(plain)
    except ValueError:
        return plain.split()


def calls(text: str, *beginning: str) -> Iterator[list[str]]:
    """The words that follow a beginning, in each command that begins so, but for variables set before it."""
    for command in commands(text):
        for part in re.split(r" (?:&&|\|) ", command):
            found = list(itertools.dropwhile(lambda word: re.match(r"\w+=", word), words(part)))
            if found[: len(beginning)] == list(beginning):
                yield found[len(beginning) :]


def overrides(text: str) -> Iterator[list[str]]:
    """What each command line sets by `-S`."""
    for command in commands(text):
        found = words(command)
        given = [found[place + 1] for place, word in enumerate(found[:-1]) if word == "-S"]
        if "--preset" in found:
            given = [*presets.format_options(found[found.index("--preset") + 1])[1::2], *given]
        if given and "KEY=VALUE" not in given:
            yield given


def is_written(path: str) -> bool:
    """Whether a stage writes a path, a folder that it is in, or what lies in it."""
    for stage in DVC.values():
        body = stage.get("do", stage)
        for kind in ("outs", "metrics", "plots"):
            for entry in body.get(kind, ()):
                out = entry if isinstance(entry, str) else next(iter(entry))
                pattern = r"[^/]+".join(map(re.escape, re.split(r"\$\{key\}", out)))
                own, parents = re.compile(pattern), Path(out).parents
                inside = re.compile(f"{pattern}/.+")
                above = [re.sub(r"\$\{key\}", "autoif", str(parent)) for parent in parents]
                if own.fullmatch(path) or inside.fullmatch(path) or path in above:
                    return True
    return False


def is_there(path: str) -> bool:
    """Whether a path is in the repository or its library, or a stage or DVC writes it.

    A placeholder stands for any name.
    """
    plain = path.rstrip("/")
    if f"evobuild/{plain}" in TRACKED | FOLDERS or plain in UNTRACKED:
        return True
    if plain.split("/")[0] in WRITTEN and is_written(PLACEHOLDER.sub("name", plain)):
        return True
    if PLACEHOLDER.search(plain):
        pattern = re.compile(r"[^/]+".join(map(re.escape, PLACEHOLDER.split(plain))))
        return any(pattern.fullmatch(name) for name in TRACKED | FOLDERS)
    # What is not committed yet counts, too.
    return plain in TRACKED | FOLDERS or (plain.split("/")[0] not in WRITTEN and (ROOT / plain).exists())


def paths(text: str) -> Iterator[str]:
    """Everything in backticks or commands that is a path of the repository by its looks."""
    tops = {path.removeprefix("evobuild/").split("/")[0] for path in FOLDERS} | set(WRITTEN)
    for command in commands(text):
        for word in re.split(r"[\s,;()'\"=]+", command):
            plain = word.rstrip(".:")
            is_path = "/" in plain and plain.split("/")[0] in tops
            is_top = re.fullmatch(r"[\w-]+\.(ya?ml|md|lock|toml)", plain) and plain not in LOCAL
            if is_path or is_top:
                yield plain


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.casefold()).replace(" ", "-") for title in titles}


def is_param(key: str) -> bool:
    """Whether params.yaml has a key, or a dict that it may be an entry of."""
    found: Any = PARAMS
    parts = key.split(".")
    for place, part in enumerate(parts):
        if not isinstance(found, dict) or part not in found:
            return bool(OPEN.fullmatch(".".join(parts[:place])))
        found = found[part]
    return True


@pytest.fixture(params=PAGES, ids=[page.name for page in PAGES])
def page(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_every_relative_link_leads_somewhere(page: Path, text: str) -> None:
    for link in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


def test_every_path_is_there(page: Path, text: str) -> None:
    made = set(NEW.findall(text))
    assert [path for path in paths(text) if not is_there(path) and path not in made] == [], page.name


def test_every_param_in_backticks_is_one(page: Path, text: str) -> None:
    named = [KEY.fullmatch(word) for word in in_backticks(text)]
    keys = [found[1] for found in named if found and found[1].split(".")[0] in PARAMS]
    assert [key for key in keys if not is_param(key)] == [], page.name


def test_every_setting_is_of_a_param(page: Path, text: str) -> None:
    keys = [word.partition("=")[0].lstrip("+~") for given in overrides(text) for word in given]
    assert [key for key in keys if not is_param(key)] == [], page.name


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_params_take_every_setting(page: Path, tmp_path: Path) -> None:
    # The examples of CONTRIBUTING.md set what they have only just added.
    for given in overrides(page.read_text(encoding="utf-8")):
        checked(tmp_path, [with_files(each, tmp_path) for each in given])


def checked(folder: Path, given: list[str]) -> None:
    """Check the shipped params with what is set, as `dvc exp run -S` sets it."""
    copy = folder / "params.yaml"
    copy.write_bytes(SHIPPED_PARAMS.read_bytes())
    apply_overrides(copy, given)
    check_params(load_all_params(copy))


def with_files(override: str, folder: Path) -> str:
    """An override of a page, with files that are there for those of a user and for placeholders."""
    key, sign, value = override.partition("=")
    if value.startswith("/models/"):
        value = str(folder)
    elif value.startswith("/data/"):
        value = str(ROOT / "data/raw/sample.jsonl")
    elif "items: /data/" in value:
        value = re.sub(r"/data/[\w./]+", str(ROOT / "data/raw/sample.jsonl"), value)
    elif key == "contracts.against":
        value = value.replace("v1.0.0", "HEAD")
    elif key == "respond.prompt":
        value = value.replace("0" * 40, "paper")
    elif key in ("evolve.file", "autoif.seeds"):
        value = value.replace("0" * 40, "prompts/evolve/own.txt")
    return f"{key}{sign}{value}"


def examples_of_params() -> Iterator[tuple[str, str]]:
    """What comments of params.yaml give as examples of a value: ("select.weights", "{r1: 1, r3: 2}")."""
    above: list[tuple[int, str]] = []
    waiting: list[str] = []
    for line in SHIPPED_PARAMS.read_text(encoding="utf-8").splitlines():
        indent = len(line) - len(line.lstrip())
        found = EXAMPLE.findall(line)
        if key := re.match(r" *([a-z_0-9]+):", line):
            above = [(depth, name) for depth, name in above if depth < indent] + [(indent, key[1])]
        elif indent < 20:
            # It stands above the key that it is about.
            waiting += found
            continue
        yield from ((".".join(name for _, name in above), value) for value in [*waiting, *found])
        waiting = []


def test_params_take_every_example_of_their_comments(tmp_path: Path) -> None:
    given = list(examples_of_params())
    assert {"select.weights", "select.filters.ranges", "select.by"} <= {key for key, _ in given}
    for key, value in given:
        change = [f"~{key}", f"+{key}={value}"] if value.startswith("{") else [f"{key}={value}"]
        if key == "bases":
            change += ["evaluate.models.base=simulated:small", "evaluate.models.tuned=simulated:large"]
        checked(tmp_path, change)


def test_every_command_and_its_options_are_there(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in calls(text, "evobuild"):
        own = arguments[:2] if arguments[:1] == ["cache"] else arguments[:1]
        if not own or own == ["--version"] or own[0][0].isdigit():
            continue
        with pytest.raises(SystemExit) as ended:
            main([*own, "--help"])
        told = capsys.readouterr().out
        assert ended.value.code == 0, f"evobuild {' '.join(own)}"
        unknown = [word for word in arguments if word.startswith("--") and word not in told]
        assert unknown == [], f"evobuild {' '.join(arguments)}"


def test_the_command_has_one_name() -> None:
    library = (path for path in (ROOT / "evobuild").rglob("*") if path.suffix in (".py", ".js", ".jinja"))
    texts = (*PAGES, SHIPPED_PARAMS, *library)
    longer = [path.name for path in texts if "python -m evobuild" in path.read_text(encoding="utf-8")]
    assert longer == [], "say `evobuild`"


def test_every_stage_is_one(text: str) -> None:
    runs = [*calls(text, "dvc", "repro"), *calls(text, "dvc", "exp", "run")]
    runs += calls(text, "evobuild", "plan")
    for arguments in runs:
        values = {place + 1 for place, word in enumerate(arguments) if word in ("-S", "-n")}
        targets = [
            word
            for place, word in enumerate(arguments)
            if place not in values and not word.startswith(("-", "…"))
        ]
        for target in targets:
            name, _, entry = target.partition("@")
            assert name in DVC, target
            each = DVC[name].get("foreach", "")
            assert not entry or entry in PARAMS[each.removeprefix("${").removesuffix("}")], target


def test_every_target_of_make_is_one(text: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert [rest[0] for rest in calls(text, "make") if rest and rest[0] not in targets] == []


def test_every_page_is_listed_in_the_readme_of_docs() -> None:
    listed = {*LINK.findall((ROOT / "docs/README.md").read_text(encoding="utf-8")), "README.md"}
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/*.ipynb")]
    assert [page.name for page in pages if page.name not in listed] == []


def test_the_readme_is_read_in_three_minutes() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80 and len(text.split()) <= 3 * 200


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (
            "https://a.example/v1/",
            "![A](https://a.example/v1/docs/a.svg) [b](https://a.example/v1/b.md#c) [d](https://d)",
        ),
        (None, " b [d](https://d)"),
    ],
)
def test_the_readme_of_the_package_has_no_relative_link(
    source: str | None, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # hatchling is there only where a package is built.
    name = "hatchling.metadata.plugin.interface"
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(MetadataHookInterface=object))
    rewrite = runpy.run_path(str(ROOT / "hatch_build.py"))["rendered_elsewhere"]
    assert rewrite("![A](docs/a.svg) [b](b.md#c) [d](https://d)", source) == shown
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [link for link in LINK.findall(rewrite(readme, source)) if not link.startswith("https://")] == []


def test_a_made_up_path_is_noticed() -> None:
    made_up = ["stages/nli.py", "tests/test_line.py", "data/nothing.parquet", "docs/<name>.txt"]
    there = ["stages/<name>.py", "data/rounds/<round>.parquet", "data/rejects/", "metrics/measures.json"]
    assert [path for path in [*made_up, *there] if not is_there(path)] == made_up
    assert not is_param("select.greedy")
    assert is_param("decontaminate.sets.gsm8k")


def test_the_first_hour_begins_with_six_commands_that_its_sections_run() -> None:
    page = (ROOT / "docs/first-hour.md").read_text(encoding="utf-8")
    joined = page.replace("\\\n", "")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", joined, re.MULTILINE | re.DOTALL)
    commands = next(content for kind, content in blocks if kind == "shell").splitlines()
    run = [line for kind, content in blocks if not kind for line in content.splitlines()]
    assert len(commands) <= 6 and commands[0].startswith("pip install")
    assert set(commands[1:]) <= set(run)

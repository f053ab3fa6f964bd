"""Run the stages `crosscheck` and `verify` on rows whose functions are the whole corpus.

    python tests/support/attacks/stages_held.py [--isolation NAME]

Each constraint has an attack and an honest function. It prints one JSON object: {"constraints": n,
"ended": n, "failures": […]}. A failure is a stage that ended, a row that is lost without a reason, an honest
function that is misjudged, or something of the world reached; ended: stages that did.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/support")]

import patience  # noqa: E402
from workspace import SHIPPED_PARAMS  # noqa: E402

from attacks.hold import ATTACKS, FURTHER, world  # noqa: E402
from evobuild import sandbox  # noqa: E402
from evobuild.autoif import records  # noqa: E402
from evobuild.autoif.records import constraint_operation  # noqa: E402
from evobuild.cli.check.all_params import Params, load_all_params  # noqa: E402
from evobuild.core import tables  # noqa: E402
from evobuild.core.instructions import INSTRUCTIONS, Instruction  # noqa: E402
from evobuild.core.rejects import REJECTS  # noqa: E402
from evobuild.sandbox import choice  # noqa: E402
from stages import crosscheck, verify  # noqa: E402

HONEST = "def evaluate(response):\n    return ',' not in response"
CASES = [{"input": "a b", "expected": True}, {"input": "a, b", "expected": False}]
ANSWER = "\x00\x1b]0;x\x07 \u202e</script> no comma"
ENDED = "a stage ended: "
LARGE = 10**6
"""Characters of code, of which more takes minutes to write to a table."""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--isolation")
    chosen = parser.parse_args().isolation
    works = tuple(each for each in sandbox.usable_isolations() if chosen in (None, each.name))
    codes: dict[str, str] = {}
    failures: list[str] = []
    with (
        mock.patch.object(choice, "try_isolations", lambda: tuple((each, "") for each in works)),
        world() as (given, reached),
        tempfile.TemporaryDirectory() as folder,
    ):
        if works:
            codes = _codes(given)
            failures += _ran(_crosschecked, codes, Path(folder)) + _ran(_verified, codes, Path(folder))
            failures += reached()
    ended = sum(failure.startswith(ENDED) for failure in failures)
    print(json.dumps({"constraints": len(codes), "ended": ended, "failures": failures}))


def _codes(given: dict[str, object]) -> dict[str, str]:
    """The attacks as functions of one response, by a name that an id may be."""
    call = f"\ndef evaluate(response):\n    return attack({given!r})\n"
    return {
        f"attack-{number}": each.code.encode(errors="replace").decode() + call
        for number, each in enumerate(ATTACKS + FURTHER)
        if len(each.code) < LARGE
    }


def _ran(stage, codes, folder: Path) -> list[str]:
    try:
        return list(stage(codes, folder, _params()))
    except Exception as error:
        return [f"{ENDED}{stage.__name__}: {error!r}"]


def _params() -> Params:
    given = load_all_params(SHIPPED_PARAMS)
    limits = given.sandbox.model_copy(update={"seconds": patience.scaled(0.5)})
    return given.model_copy(update={"sandbox": limits})


def _crosschecked(codes: dict[str, str], folder: Path, params: Params) -> Iterator[str]:
    _write(folder / "constraints", records.CONSTRAINTS, [(own, own, "seed", "") for own in codes])
    pairs = [(own, code) for own, attack in codes.items() for code in (attack, HONEST)]
    rows = [(f"{own}-{n % 2}", own, n % 2, code, CASES) for n, (own, code) in enumerate(pairs)]
    _write(folder / "verifiers", records.VERIFIERS, rows)
    names = ("checked", "functions", "cases", "rejects", "counts")
    given = {name: folder / name for name in ("constraints", "verifiers")}
    crosscheck.main(
        params, crosscheck.Arguments(branch="b", **given, **{name: folder / name for name in names})
    )
    yield from _unbalanced("crosscheck", folder, len(codes))
    verdicts = tables.read(folder / "functions", records.FUNCTION_VERDICTS)
    for name, number, error in verdicts.select("id", "number", "error").iter_rows():
        if number == 1 and error:
            yield f"crosscheck: {name} is honest and misjudged: {error}"


def _verified(codes: dict[str, str], folder: Path, params: Params) -> Iterator[str]:
    pairs = {own: [{"code": code, "accuracy": 1.0} for code in (each, HONEST)] for own, each in codes.items()}
    constraints = [(own, own, "", functions, CASES) for own, functions in pairs.items()]
    _write(folder / "verified", records.VERIFIED, constraints)
    row = Instruction("", "c", "s", "", "b", "chat", (), "q", "", "", "autoif")
    rows = [row._replace(id=own, operation=constraint_operation(own)) for own in codes]
    _write(folder / "rows", INSTRUCTIONS, rows)
    _write(folder / "answers", records.ANSWERS, [(f"a-{own}", own, 0, ANSWER, "") for own in codes])
    given = {name: folder / name for name in ("verified", "rows", "answers")}
    outs = {name: folder / name for name in ("checks", "rejects", "counts")}
    verify.main(params, verify.Arguments(branch="b", **given, **outs))
    yield from _unbalanced("verify", folder, len(codes))
    for name, said in tables.read(folder / "checks", records.CHECKS).select("id", "verdicts").iter_rows():
        if said[1] != "true":
            yield f"verify: {name}: the honest function says {said[1]}"


def _write(path: Path, schema, rows) -> None:
    tables.write(path, tables.frame(schema, rows))


def _unbalanced(stage: str, folder: Path, came: int) -> Iterator[str]:
    counts = json.loads((folder / "counts").read_text())
    lost = tables.read(folder / "rejects", REJECTS).height
    if not came == counts["in"] == counts["out"] + sum(counts["rejects"].values()) == counts["out"] + lost:
        yield f"{stage}: {came} rows came in, {counts['out']} went out, {lost} are rejects"


if __name__ == "__main__":
    main()

"""How fast the explorer of 50,000 rows is written, shows its first rows, and searches, in headless Chromium.

    tests/browser/install.sh; python benchmarks/evolution_explorer.py [--rows 50000] [--folder kept/here]

Made-up rows of 40 to 90 words in four rounds, one in ten attempts failed. What the page takes is
measured inside the page: the first paint by the browser's own timing; from its start to the moment
when rows with their text are listed; and a search from the key to the frame after it. The slowest of
the searches counts. The browser starts anew for each opening, so nothing is cached but by the disk.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from figures import Figures

from evobuild.core import tables
from evobuild.core.evaluation_tables import CONTAMINATION
from evobuild.core.evolution_tables import CANDIDATES, FAILURES, REPLIES
from evobuild.core.instructions import INSTRUCTIONS, Instruction, content_id, row_id
from evobuild.core.measures import BUILT_IN
from evobuild.core.rejects import REJECTS
from evobuild.core.stages import pool_stems
from evobuild.core.yaml_files import read_yaml
from evobuild.reporting import explorer, outcomes
from evobuild.reporting.calls import CallParams

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))

ROUNDS = ("r0", "r1", "r2", "r3")
ROWS = 50_000
WORDS = [
    first + last
    for first in ("ri", "mo", "sta", "ple", "gu", "nor")
    for last in ("ver", "ll", "ne", "sh", "dow")
]
SEARCHES = ("zebra", "r", "river", "river moll stane guver", "plesh norne river", "00f")
OPENINGS = 3

SEARCH = """(async () => {
  const field = document.getElementById("query");
  field.value = %r;
  const began = performance.now();
  field.dispatchEvent(new Event("input", {bubbles: true}));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
})()"""
FILTER = SEARCH.replace('"query"', '"order"').replace("%r", "'high'")
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
LISTED = "performance.getEntriesByName('listed')[0]?.startTime"


def settings() -> CallParams:
    """The shipped params with a pool of each round and without branches."""
    pools = {name: {} for name in ROUNDS}
    content = read_yaml(ROOT / "params.yaml") | {"branches": {}, "pools": pools}
    return CallParams.model_validate(content)


def fill(where: outcomes.Tables, rows: int) -> None:
    """Write tables with this total number of rows, of arbitrary text."""
    draw = random.Random(0)
    folders = (where.rounds, where.responses, where.contamination, where.rejects, where.failures)
    measures = (where.measures / measure.folder for measure in BUILT_IN)
    for folder in (*folders, where.replies, where.unread, *measures):
        folder.mkdir(parents=True)
    parents: list[Instruction] = []
    selected: list[Instruction] = []
    failed: list[tuple[object, ...]] = []
    for name in ROUNDS:
        made, failed = _round(draw, name, parents or [None] * (rows // len(ROUNDS)))
        _write(where, name, made, failed, draw)
        selected += [row for row in made if row.domain == "math"]
        parents = made
    tables.write(where.dataset, tables.frame(INSTRUCTIONS, selected))
    hits = [
        (f"{row.id}-{measure}", row.id, row.round, "held_out", f"[{number}]", measure, row.instruction, "")
        for number, row in enumerate(selected[::50])
        for measure in ("13-gram", "8-gram")
    ]
    tables.write(where.contamination / "held_out.parquet", tables.frame(CONTAMINATION, hits))
    (where.downstream / "rejects").mkdir(parents=True)
    tables.write(where.downstream / "rejects/finetune-toy.parquet", tables.frame(REJECTS, []))
    lost = [(row.id, "below the cut", "0.125", "") for row in parents if row.domain != "math"]
    tables.write(where.rejects / "select.parquet", tables.frame(REJECTS, lost))


def _round(
    draw: random.Random, name: str, parents: list[Instruction] | list[None]
) -> tuple[list[Instruction], list[tuple[object, ...]]]:
    made, failed = [], []
    for number, parent in enumerate(parents):
        text = " ".join(draw.choices(WORDS, k=draw.randint(40, 60))) if parent is None else parent.instruction
        text = text if parent is None else f"{text} {' '.join(draw.choices(WORDS, k=10))}"
        above = "" if parent is None else parent.id
        content = content_id((), text, "")
        own = row_id(name, above or str(number), content)
        seed = own if parent is None else parent.seed_id
        domain = ("chat", "math", "code")[number % 3]
        strategy, how = ("", "") if parent is None else ("evol", ("deepening", "reasoning")[number % 2])
        made.append(
            Instruction(
                own, content, seed, above, name, domain, (), text, "", "", strategy, how, "simulated:small"
            )
        )
        if parent is not None and number % 10 == 0:
            reply = " ".join(draw.choices(WORDS, k=60))
            lost = "unparsable", "no final label", reply
            failed.append((f"{name}-{own}", above, 0, strategy, how, domain, *lost, None))
    return made, failed


def _write(
    where: outcomes.Tables,
    name: str,
    rows: list[Instruction],
    failed: list[tuple[object, ...]],
    draw: random.Random,
) -> None:
    file = f"{name}.parquet"
    tables.write(where.rounds / file, tables.frame(INSTRUCTIONS, rows))
    answers = [row._replace(output=" ".join(draw.choices(WORDS, k=150))) for row in rows]
    tables.write(where.responses / file, tables.frame(INSTRUCTIONS, answers))
    measured = {
        "ratings": [(row.id, "hard", float(draw.randint(20, 90))) for row in rows],
        "scores": [
            (row.id, 60, 150, False, 2.0, 1.0, 1.5, draw.random(), 0.5, draw.random()) for row in rows
        ],
        "diversity": [(row.id, draw.choice(rows).id, draw.random()) for row in rows],
        "rewards": [(row.id, draw.gauss(0, 2), 40, draw.gauss(0, 2)) for row in rows],
        "tags": [(row.id, draw.sample(WORDS, 4)) for row in rows],
    }
    for measure in BUILT_IN:
        table = tables.frame(measure.schema, measured[measure.folder])
        tables.write(where.measures / measure.folder / file, table)
    tables.write(where.failures / file, tables.frame(FAILURES, failed))
    steps = [" ".join(draw.choices(WORDS, k=80)) for _ in rows]
    replied = [
        (row.id, 0, 300, 150, f"{text}\n{row.instruction}", [], "")
        for row, text in zip(rows, steps, strict=True)
        if row.parent_id
    ]
    tables.write(where.replies / file, tables.frame(REPLIES, replied))
    tables.write(where.unread / file, tables.frame(REJECTS, []))
    for stem in pool_stems([name]):
        tables.write(where.rejects / f"{stem}.parquet", tables.frame(REJECTS, []))


def run(figures: Figures, rows: int = ROWS, folder: Path | None = None) -> None:
    """Take the explorer's figures."""
    import chromium

    with tempfile.TemporaryDirectory() as temporary:
        root = folder or Path(temporary)
        where = outcomes.Tables(**{name: root / name for name in outcomes.Tables._fields})
        fill(where, rows)
        tables.write(where.optimization / "candidates.parquet", tables.frame(CANDIDATES, []))
        began = time.monotonic()
        explorer.write_explorer(root / "explorer", settings(), where)
        written = time.monotonic() - began
        url = (root / "explorer" / "index.html").as_uri()
        paints, lists, searches = [], [], []
        for _ in range(OPENINGS):
            with chromium.Page() as page:
                page.open(url)
                lists.append(page.wait(LISTED))
                paints.append(page.wait(PAINT))
                page.wait(f"here.complete && here.count >= {rows}")
                searches += [page.run(SEARCH % word) for word in SEARCHES]
                searches.append(page.run(FILTER))
                assert not page.errors, page.errors
    parts = root / "explorer" / "calls"
    asked = sum(file.stat().st_size for file in parts.iterdir())
    size = f"explorer of {rows:,} rows"
    figures.at_most(f"{size}: written", written, 30, "s")
    figures.at_most(f"{size}: first paint", max(paints) / 1000, 2, "s")
    figures.at_most(f"{size}: first rows listed", max(lists) / 1000, 2, "s")
    figures.at_most(f"{size}: search", max(searches), 300, "ms")
    figures.at_most(f"{size}: prompts and replies", asked / 1e6, 30, "MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", type=Path, help="an empty folder to keep the explorer in")
    arguments = parser.parse_args()
    taken = Figures()
    run(taken, arguments.rows, arguments.folder)
    taken.print()

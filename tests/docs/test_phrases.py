"""Seven phrases of a language that only its authors knew are on the way out: their counts may only fall."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("evobuild", "stages", "tests", "benchmarks", "experiments")
PAGES = ("README.md", "params.yaml", "docs/*.md")

PHRASES = {
    "stand(s)": (r"\bstands?\b", 1, 88),
    "is/are none": (r"\b(is|are) none\b", 0, 30),
    "came/comes of": (r"\b(came|comes) of\b", 0, 8),
    "lie(s)": (r"\blies?\b", 0, 21),
    "so many": (r"\bso many\b", 0, 10),
    "is/are told/said": (r"\b(is|are) (told|said)\b", 0, 19),
    "held to/against": (r"\bheld (to|against)\b", 0, 10),
}
"""Each phrase: its pattern, its limit in pages, its limit in Python files. Lower a limit, never raise it."""

LINE_BREAK = re.compile(r"\s+(# )?")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.check_output(["git", "ls-files", "--", *patterns], cwd=ROOT, text=True).splitlines()
    return [ROOT / name for name in listed if (ROOT / name) != Path(__file__) and (ROOT / name).exists()]


def count(pattern: str, files: list[Path]) -> int:
    return sum(
        len(re.findall(pattern, LINE_BREAK.sub(" ", path.read_text(encoding="utf-8")))) for path in files
    )


def test_no_phrase_is_used_more_often_than_before() -> None:
    pages, modules = tracked(*PAGES), tracked(*(f"{folder}/*.py" for folder in FOLDERS))
    counts = {
        name: (count(pattern, pages), count(pattern, modules)) for name, (pattern, *_) in PHRASES.items()
    }
    limits = {name: limit for name, (_, *limit) in PHRASES.items()}
    over = {
        name: f"(pages, Python): {counts[name]}, limits {limit}"
        for name, limit in limits.items()
        if any(n > most for n, most in zip(counts[name], limit, strict=True))
    }
    assert over == {}


def test_a_phrase_that_is_broken_over_lines_is_counted(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("# There are so\n    # many: so\nmany.\n", encoding="utf-8")
    assert count(PHRASES["so many"][0], [module]) == 2

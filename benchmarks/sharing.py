"""What it takes to hold, describe and share a data set.

    python benchmarks/sharing.py [--built FOLDER] [line | remote | many]

line, remote: of the default pipeline, in a clone that is built for it, or in a folder where one is built and
committed. many: a million rows. remote needs the environments that `make test-sharing` makes, of an S3 server
and of DVC with S3. Prints each figure as it comes and, last, one JSON object: figure -> {"value", "must",
"holds"}.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import Figures

ROOT = Path(__file__).parent.parent
SHARING = ROOT / ".venv-sharing/bin"
PARTS = ("line", "remote", "many")
SCRIPTS = ("sharing_validate.py", "sharing_card.py")
"""Of a million rows, a process each, so that its peak is its own."""

sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/sharing")]


def run(command: list[str], cwd: Path, path: Path | None = None) -> float:
    """Run a command to its end; seconds. path: of programs that come before all others."""
    own = {"PYTHONPATH": str(cwd), "DVC_SITE_CACHE_DIR": str(cwd / ".evobuild/dvc")}
    own |= {"PATH": f"{path or Path(sys.executable).parent}:{os.environ['PATH']}"}
    began = time.monotonic()
    subprocess.run(
        command, cwd=cwd, env=os.environ | own, check=True, stdout=subprocess.DEVNULL, timeout=1800
    )
    return time.monotonic() - began


def build(root: Path) -> None:
    """Build the default pipeline in a clone, and commit what came out."""
    run(["git", "clone", "--quiet", str(ROOT), str(root)], ROOT)
    run([sys.executable, "-m", "evobuild", "repro"], root)
    commit(root, "Build")


def commit(root: Path, message: str) -> None:
    """Commit all that git sees, if there is any."""
    run(["git", "add", "-A"], root)
    author = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    run(["git", *author, "commit", "--quiet", "--allow-empty", "-m", message], root)


def line(figures: Figures, root: Path) -> None:
    """Both stages that hold tables, alone, the least of three runs."""
    for stage in ("validate", "validate_outputs"):
        took = min(run([sys.executable, "-m", f"stages.{stage}"], root) for _ in range(3))
        figures.at_most(f"stage {stage} of the default line", took, 5, "s")


def remote(figures: Figures, root: Path) -> None:
    """Push to S3 and pull in another clone: what a reader needs, then everything."""
    from s3_server import KEYS, s3_server

    os.environ |= KEYS
    with s3_server("shared") as url:
        pulls = {"readers": ["python", "-m", "evobuild", "pull"], "everything": ["dvc", "pull"]}
        for name, push in (("readers", "false"), ("everything", "true")):
            file = root / "dvc.yaml"
            file.write_text(file.read_text().replace("push: false", f"push: {push}"))
            add = ["dvc", "remote", "add", "--force", "--default", "shared", f"s3://shared/{name}"]
            run(add, root, SHARING)
            run(["dvc", "remote", "modify", "shared", "endpointurl", url], root, SHARING)
            commit(root, "Share")
            second = root.parent / name
            run(["git", "clone", "--quiet", str(root), str(second)], root)
            pushed = run(["dvc", "push"], root, SHARING)
            pulled = run(pulls[name], second, SHARING)
            print(f"{name}: push {pushed:.1f} s, pull {pulled:.1f} s")
            figures.at_most(f"push and pull of the default line, {name}", pushed + pulled, 15, "s")


def many(figures: Figures) -> None:
    """A million rows validated, and described by a card."""
    for script in SCRIPTS:
        figures.of_script(Path(__file__).with_name(script))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default="all", choices=("all", *PARTS))
    parser.add_argument("--built", type=Path, metavar="FOLDER", help="a clone that is built; it is copied")
    given, figures = parser.parse_args(), Figures()
    parts = PARTS if "all" in given.parts else given.parts
    with tempfile.TemporaryDirectory(prefix="evobuild-bench-") as folder:
        root = Path(folder) / "first"
        if {"line", "remote"} & {*parts}:
            if given.built:
                shutil.copytree(given.built, root, symlinks=True)
                commit(root, "Build")
            else:
                build(root)
        if "line" in parts:
            line(figures, root)
        if "remote" in parts:
            remote(figures, root)
    if "many" in parts:
        many(figures)
    figures.print()


if __name__ == "__main__":
    main()

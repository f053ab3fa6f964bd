"""Figures of a tuning while it runs, in dvclive's layout, where `dvc plots` and DVC's VS Code view find them.

    dvclive/metrics.json                         {"toy": {"loss": 2.31, …, "step": 40}, "step": 40}
    dvclive/plots/metrics/toy/loss.tsv           step, loss

dvc.yaml names the folder of the plots. Git leaves the files alone, and no stage has them as an out: they hold
the speed, which no two runs share. dvclive itself would open the repository anew, ask DVC Studio, and after a
resume have the steps twice that are taken again.

Source: https://doc.dvc.org/dvclive/how-it-works, dvclive 3.49.1.
"""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from evobuild.core.errors import BadInput
from evobuild.core.json_files import read_json_file
from evobuild.core.machine import repository_root
from evobuild.process.terminal import log

FOLDER = Path("dvclive")
FILE_SECONDS = 0.5


class LiveFiles:
    """The live figures of one base. A disk that takes no more of them stops nothing."""

    def __init__(
        self, name: str, folder: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        folder = folder or FOLDER
        self._name = name
        self._summary = folder / "metrics.json"
        self._plots = folder / "plots" / "metrics" / name
        self._clock = clock
        self._written = 0.0
        self._step = 0
        self._rows: dict[str, list[tuple[int, float]]] = {}
        self._last: dict[str, object] = {}
        self._broken = False

    def begin(self, step: int) -> None:
        """Keep what an earlier run wrote up to the step that this one goes on from; at 0 nothing."""
        self._step = step
        self._try(self._trim)

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Take the figures of a step; they are written twice a second at most."""
        self._step = step
        for name, value in figures.items():
            self._rows.setdefault(name, []).append((step, value))
        if self._clock() - self._written > FILE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is not yet written."""
        self._written = self._clock()
        self._try(self._write)

    def end(self) -> None:
        """Write the last figures, and tell the VS Code view that nothing runs any more."""
        self.flush()
        self._try(lambda: _signal().unlink(missing_ok=True))

    def _try(self, action: Callable[[], None]) -> None:
        if self._broken:
            return
        try:
            action()
        except OSError as error:
            self._broken = True
            log(f"the live figures in {self._summary.parent} are no longer written: {error}")

    def _trim(self) -> None:
        if not self._step:
            shutil.rmtree(self._plots, ignore_errors=True)
        for file in sorted(self._plots.rglob("*.tsv")):
            header, *lines = file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True) or [
                ""
            ]
            if header.endswith("\n"):
                _replace(file, "".join([header, *(line for line in lines if self._is_done(line))]))
            else:
                file.unlink()

    def _is_done(self, line: str) -> bool:
        # The last line may have been cut off as the run was.
        step = line.partition("\t")[0]
        return line.endswith("\n") and step.isdecimal() and int(step) <= self._step

    def _write(self) -> None:
        for name, rows in self._rows.items():
            _append(self._plots / f"{name}.tsv", name.rpartition("/")[2], rows)
            self._last[name] = _plain(rows[-1][1])
        self._rows = {}
        _replace(self._summary, json.dumps(self._content(), indent=4) + "\n")
        if (signal := _signal()).parents[3].is_dir():
            # The extension looks at the plots again when it changes (vscode-dvc#4579).
            signal.parent.mkdir(parents=True, exist_ok=True)
            signal.write_text(json.dumps({"pid": os.getpid(), "step": self._step}), encoding="utf-8")

    def _content(self) -> dict[str, object]:
        try:
            others = read_json_file(self._summary)
        except BadInput:
            others = {}
        own = {self._name: {**self._last, "step": self._step}, "step": self._step}
        return others | own if isinstance(others, dict) else own


def _append(file: Path, column: str, rows: list[tuple[int, float]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    is_new = not file.exists() or not file.stat().st_size
    with file.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerows([("step", column)] * is_new + [(step, _plain(value)) for step, value in rows])


def _plain(value: float) -> float | str:
    """Convert a number for dvclive: JSON has no NaN."""
    return value if math.isfinite(value) else str(value)


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def _signal() -> Path:
    return repository_root() / ".dvc" / "tmp" / "exps" / "run" / "DVCLIVE_STEP_COMPLETED"

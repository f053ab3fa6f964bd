"""How far a tuning has come: a bar on a terminal, a line every 10 s elsewhere, and live files beside it.

Speed is that of the last steps, without evaluations and checkpoints between them. MFU is the share of the
devices' peak FLOP/s that the steps' real tokens make use of (PaLM, arXiv:2204.02311, appendix B).
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from evobuild.core.errors import require
from evobuild.process.terminal import log
from evobuild.training.tracking.curve import COLUMNS, HELD_OUT, PREFERENCES
from evobuild.training.tracking.live_files import LiveFiles

LINE_SECONDS = 10.0
STEPS = 20
"""The last steps, whose speed is shown."""


class TrainingProgress:
    """The progress of one tuning, on the process that shows it.

    tokens_of_step: real tokens of each step, over all devices. flops_per_token: of forward and backward
    together. peak_flops: FLOP/s of all devices together, None if unknown; then there is no MFU.
    """

    def __init__(
        self,
        name: str,
        tokens_of_step: Sequence[int],
        flops_per_token: float,
        peak_flops: float | None,
        live: LiveFiles,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._task = f"finetune {name}"
        self._tokens = tokens_of_step
        self._share = flops_per_token / peak_flops if peak_flops else None
        self._live = live
        self._clock = clock
        self._recent: deque[tuple[int, float]] = deque(maxlen=STEPS)
        self._held_out: float | None = None
        self._step = 0
        self._shown: dict[str, float] = {}

    def begin(self, step: int) -> None:
        """Show that it begins, or goes on from a step; nothing before it counts as done now."""
        self._step = step
        self._began = self._line_at = self._mark = self._clock()
        self._bar = tqdm(
            total=len(self._tokens),
            initial=step,
            desc=self._task,
            unit="step",
            disable=not sys.stderr.isatty(),
            leave=False,
            dynamic_ncols=True,
            bar_format="{l_bar}{bar}| {n_fmt} of {total_fmt} steps{postfix}",
        )
        self._live.begin(step)

    def take(self, step: int, figures: Mapping[str, Any]) -> None:
        """Take what the Trainer logs after a step, or after the held-out rows."""
        if HELD_OUT in figures:
            self._held_out = float(figures[HELD_OUT])
            self._live.add(step, {"held_out_loss": self._held_out})
        if "loss" not in figures:
            return
        now = self._clock()
        tokens, seconds = sum(self._tokens[self._step : step]), now - self._mark
        self._recent.append((tokens, seconds))
        names = (*COLUMNS, *(name for name in figures if name.startswith(PREFERENCES)))
        given = {name: float(figures[name]) for name in names if name in figures}
        self._live.add(step, given | self._speed([(tokens, seconds)]))
        done, self._step, self._mark, self._shown = step - self._step, step, now, given
        self._bar.set_postfix_str(self._text(), refresh=False)
        self._bar.update(done)
        if self._bar.disable and now - self._line_at > LINE_SECONDS:
            self._line_at = now
            log(f"{self._task}: {step:,} of {len(self._tokens):,} steps, {self._text()}")

    def skip_time(self) -> None:
        """Leave out of the speed what went by since the last step: an evaluation, a checkpoint."""
        self._mark = self._clock()
        self._live.flush()

    def end(self) -> None:
        """Close the bar and say where it ended."""
        self._bar.close()
        self._live.end()
        if self._shown:
            took = tqdm.format_interval(self._clock() - self._began)
            log(f"{self._task}: {self._step:,} steps in {took}, {self._text()}")

    def _speed(self, steps: Sequence[tuple[int, float]]) -> dict[str, float]:
        tokens, seconds = (sum(column) for column in zip(*steps, strict=True))
        if seconds <= 0:
            return {}
        speed = {"tokens_per_second": tokens / seconds}
        return speed if self._share is None else speed | {"mfu": tokens / seconds * self._share}

    def _text(self) -> str:
        parts = [f"loss {self._shown['loss']:.4g}"]
        if self._held_out is not None:
            parts.append(f"held-out loss {self._held_out:.4g}")
        if "learning_rate" in self._shown:
            parts.append(f"learning rate {self._shown['learning_rate']:.3g}")
        speed = self._speed(list(self._recent))
        if rate := speed.get("tokens_per_second"):
            parts.append(f"{rate:,.0f} tokens/s")
            parts += [f"MFU {speed['mfu']:.1%}"] if "mfu" in speed else []
            if left := sum(self._tokens[self._step :]):
                parts.append(f"{tqdm.format_interval(left / rate)} left")
        return ", ".join(parts)


def progress_callback(progress: TrainingProgress) -> Any:
    """Build a callback of transformers' Trainer that shows progress, on the first process only."""
    transformers = require("transformers", "train")

    class ProgressCallback(transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                progress.begin(state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **_: Any) -> None:
            if state.is_world_process_zero:
                progress.take(state.global_step, logs)

        def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                progress.skip_time()

        on_save = on_evaluate

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                progress.end()

    return ProgressCallback()

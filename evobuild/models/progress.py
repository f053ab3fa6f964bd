"""How far a stage has come with a model, as `process/progress.py` shows it, and a file that tells it.

The file, `.evobuild/progress/<task>-<role>.json`, can be read while DVC holds its lock. One that
was left by a run that did not end tells the next run what had already been spent. What a run took is added
to the journal of usage when it ends.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections import deque
from pathlib import Path
from typing import Any

from evobuild.core.chat import Reply, Request
from evobuild.core.private_files import private_file, private_folder
from evobuild.models import usage_journal
from evobuild.models.usage import Usage
from evobuild.process import run_journal
from evobuild.process.progress import Meter

FOLDER = Path(".evobuild/progress")
NEWEST = 5
"""Requests and replies that the file of a running stage shows."""
LONGEST = 4000
"""Characters that it shows of each."""
FILE_SECONDS = 0.5


class Progress:
    """The progress of one role of one stage.

    total: its number of requests, None if unknown. recorded: whether it leaves a file and a line in the
    journal of usage, and carries on what an interrupted run had spent.
    """

    def __init__(self, task: str, usage: Usage, total: int | None, recorded: bool = True) -> None:
        self._task = task
        self._usage = usage
        self._meter = Meter(task, f"replies of the {usage.role}", total, self._beside)
        self._written = 0.0
        self._file = FOLDER / f"{task}-{usage.role}.json"
        self._newest: deque[dict[str, str]] = deque(maxlen=NEWEST)
        self._run = uuid.uuid4().hex
        self._recorded = recorded
        if not recorded:
            return
        private_folder(FOLDER)
        if earlier := self._unfinished():
            usage.carry_on(earlier)
            self._run = earlier.get("run", self._run)

    def step(self, stored: bool = False, failed: bool = False) -> None:
        """Count one more reply. stored: from the reply cache. failed: an error."""
        self._meter.step(kept=stored, failed=failed)
        now = time.monotonic()
        if self._recorded and now - self._written > FILE_SECONDS:
            self._write("running", now)

    def show(self, request: Request, reply: Reply) -> None:
        """Show a request and its reply among the newest, as long as the stage runs."""
        replied = reply.choices[0].text if reply.choices else reply.error or ""
        texts = {"prompt": request.messages[-1].content if request.messages else "", "reply": replied}
        shown = {name: text[:LONGEST] for name, text in texts.items()}
        self._newest.append({"row": request.key, "purpose": request.purpose, **shown})

    def close(self, finished: bool) -> None:
        """Write the last state: finished, or stopped and to be carried on."""
        self._meter.close()
        if not self._recorded:
            return
        state = "finished" if finished else "stopped"
        self._write(state, time.monotonic())
        usage_journal.append(self._content(state))
        run_journal.note_calls(self._usage.taken())

    def _beside(self) -> str:
        """Get calls, tokens and cost so far, with the interrupted runs that it continues."""
        failed, cost = self._usage.total("failed"), self._usage.cost
        tokens = self._usage.total("prompt_tokens") + self._usage.total("completion_tokens")
        parts = [f"{failed:,} failed"] if failed else []
        parts += [f"{tokens:,} tokens"] if tokens else []
        parts += [f"cost {cost:,.4g}"] if cost else []
        return ", ".join(parts)

    def _write(self, state: str, now: float) -> None:
        self._written = now
        meter = self._meter
        content: dict[str, Any] = {
            "done": meter.done,
            "total": meter.total,
            "elapsed": round(now - meter.began, 1),
        }
        content["kept"] = meter.kept
        content |= self._content(state)
        if state == "running":
            content["newest"] = list(self._newest)
        partial = self._file.with_suffix(f".{os.getpid()}.partial")
        private_file(partial).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        partial.replace(self._file)

    def _content(self, state: str) -> dict[str, Any]:
        return {"state": state, "run": self._run, "task": self._task, **self._usage.taken()}

    def _unfinished(self) -> dict[str, Any] | None:
        """Read what an interrupted run of the same task with the same model had spent."""
        try:
            content: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        same = content.get("model") == self._usage.model and content.get("state") != "finished"
        return content if same else None

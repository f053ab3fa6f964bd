"""One training of ours, in a process of its own, for `training` to time.

    python benchmarks/training_runs.py TASK OUT

Prints as JSON: the seconds from rows to saved weights, the tokens of the rows, those that the model read.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock


def main() -> None:
    file, out = map(Path, sys.argv[1:])
    task = json.loads(file.read_text())
    os.environ["DVC_ROOT"] = str(out.parent)
    from evobuild.core.instructions import Instruction
    from evobuild.core.uri import Weights

    # With TRL: the clock of its own script does not count imports either.
    from evobuild.training import finetune
    from evobuild.training.params import Finetune
    from evobuild.training.running import trainer, worker  # noqa: F401

    computed = 0

    def counted(model: Any, arguments: Any, given: dict[str, Any]) -> None:
        nonlocal computed
        computed += given["input_ids"].numel()

    def counting_model(job: Any) -> Any:
        model = original(job)
        model.register_forward_pre_hook(counted, with_kwargs=True)
        return model

    original = worker._model
    rows = [Instruction(**each["row"]) for each in task["rows"]]
    settings = Finetune.model_validate(task["settings"])
    tuning = finetune.Tuning("base", Weights(task["base"]), settings, 42)
    out.mkdir(exist_ok=True)
    began = time.monotonic()
    with mock.patch.object(worker, "_model", counting_model):
        tuned, _ = finetune.finetune_model(rows, [], tuning, out)
    seconds = time.monotonic() - began
    found = {"seconds": seconds, "tokens": tuned.tokens, "computed": computed, "steps": tuned.steps}
    print(json.dumps(found))


if __name__ == "__main__":
    main()

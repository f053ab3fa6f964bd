"""The commands beside the pipeline. `<name>_command.py` has `add_<name>_options` and `run_<name>`.

`run_<name>` returns the exit code. The help texts are here, so that `--help` loads no command's libraries.
"""

from __future__ import annotations

COMMANDS = {
    "init": "create a project in a new folder",
    "upgrade": "upgrade a project to the installed version; list merged files and stale stages",
    "pipeline": "write dvc.yaml and evobuild.lock from the declarations of stages",
    "repro": "check params.yaml, then run dvc repro with the given options",
    "pull": "pull the outputs that were pushed for readers of the dataset",
    "inspect": "show the columns of a file of seed data, and matching params",
    "preview": "run a few rows through all rounds, with prompts, replies and costs",
    "plan": "estimate calls, tokens, time and cost of the next run",
    "dag": "show the pipeline on one screen: its stages and their order",
    "serve": "serve the report and the explorer to a browser during a run",
    "models": "check that the model of each role can be used",
    "explain": "show the history of one row: its origin, and why it was selected or rejected",
    "lineage": "trace an exported row or a file to its seed, prompts, replies, commit and params",
    "validation": "show which expectations of tables failed, and write a page of all",
    "preset": "print the params of published work as options of dvc exp run",
    "compare": "compare two models on the benchmarks that both answered",
    "compare-selections": "compare the rows that each metric would select",
    "contamination": "find text that rows share with evaluation sets",
    "publish": "upload the dataset or a tuned model to the hub, with its card",
    "usage": "show calls, tokens, time and cost of past runs",
    "cache": "export, import or prune the reply cache",
    "pass-at-k": "score completions of HumanEval or MBPP in the sandbox",
    "score-replies": "score replies to a benchmark that were made elsewhere",
    "ceval-submission": "write answers to C-Eval's test split for its site",
}
"""Each name's module is the name with underscores."""
ALIASES = {"cache": ("store",)}
"""Former names of commands."""
ANYWHERE = ("init", "inspect", "contamination", "pass-at-k", "score-replies", "ceval-submission")
"""Commands that work outside a project."""

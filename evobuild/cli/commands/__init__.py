"""The commands beside the pipeline, a module each: `add_arguments`, and `run`, which gives the exit code.

Their helps stand here, so that one command loads no other's libraries.
"""

from __future__ import annotations

COMMANDS = {
    "init": "begin a project of one's own, in a folder of its own",
    "upgrade": "bring a project to the installed version: what is merged, what becomes stale",
    "pipeline": "write dvc.yaml from what the stages declare",
    "repro": "check params.yaml, then dvc repro with what follows",
    "pull": "dvc pull of what a reader of the data set needs",
    "inspect": "what a file of seed data holds, and the params that fit",
    "preview": "a few rows through the line to the answer, with prompts, replies and costs",
    "plan": "what a dvc repro would run, ask and cost",
    "dag": "the pipeline on one screen: its stages, and which wait for which",
    "serve": "the report and the explorer in a browser while a run goes on",
    "models": "whether the model of each role can be used",
    "explain": "the life of one row: what it came from and why it ended",
    "lineage": "from an exported row or a file back to seed, prompts, replies, commit and params",
    "validation": "what tables are held to, and what of it stopped a run: a page of it all",
    "preset": "settings of published work, as options of dvc exp run",
    "compare": "two models on the benchmarks that both answered",
    "compare-selections": "what each metric would choose, and why they differ",
    "contamination": "text that rows share with evaluation sets",
    "publish": "the data set or a tuned model to the hub, with its card",
    "usage": "what was really called and paid here, and how long it took",
    "cache": "export, import or prune the reply cache",
    "pass-at-k": "completions of HumanEval or MBPP, run in the sandbox",
    "score-replies": "replies to a benchmark that were written elsewhere",
    "ceval-submission": "answers to C-Eval's test split, for its site",
}
"""Each name's module is the name with underscores."""
ALIASES = {"cache": ("store",)}
"""Former names of commands."""
ANYWHERE = ("init", "inspect", "contamination", "pass-at-k", "score-replies", "ceval-submission")
"""Commands that need no project."""

"""The commands beside the pipeline: `python -m evobuild repro`, `… plan`, `… models`, `… explain`,
`… preset`, `… compare`, `… compare-selections`, `… contamination`, `… usage`, `… store`, `… pass-at-k`,
`… score-replies` and `… ceval-submission`.

Exit codes as in `core/command_line.py`; 1 also if a model cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from evobuild import __version__
from evobuild.cli import ceval_submission, pass_at_k, score_replies
from evobuild.cli.store import commands as store_commands
from evobuild.core.command_line import Parser, finished
from evobuild.core.terminal import say

PARAMS = Path("params.yaml")


def main(words: list[str] | None = None) -> int:
    """Run one command; give its exit code."""

    def work() -> int:
        arguments = _parser().parse_args(words)
        code: int = arguments.run(arguments)
        return code

    return finished("evobuild", work)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m evobuild", description=__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"evobuild {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # What follows is for DVC, options too: none of them begins with this character.
    repro = commands.add_parser(
        "repro", help="check params.yaml, then dvc repro with what follows", add_help=False, prefix_chars="\0"
    )
    repro.add_argument("words", nargs="*", metavar="WORD", help="of dvc repro: stages and options")
    repro.set_defaults(help=repro.format_help)
    repro.set_defaults(run=_repro)
    plan = commands.add_parser("plan", help="what a dvc repro would run, ask and cost")
    plan.add_argument(
        "-S", "--set-param", action="append", default=[], metavar="KEY=VALUE", help="as dvc exp run"
    )
    plan.add_argument("targets", nargs="*", metavar="STAGE", help="only these and what they need")
    plan.add_argument("--json", action="store_true", help="one JSON object a stage")
    plan.set_defaults(run=_plan)
    models = commands.add_parser("models", help="whether the model of each role can be used")
    models.set_defaults(run=_models)
    explain = commands.add_parser("explain", help="the life of one row: what it came from and why it ended")
    explain.add_argument("id", help="of a row, or as much of its beginning as no other id shares")
    explain.set_defaults(run=_explain)
    preset = commands.add_parser("preset", help="settings of published work, as options of dvc exp run")
    preset.add_argument("name", nargs="?", help="of a preset; without it all are listed")
    preset.set_defaults(run=_preset)
    compare = commands.add_parser("compare", help="two models on the benchmarks that both answered")
    compare.add_argument("models", nargs=2, metavar="MODEL", help="of evaluate.models")
    compare.add_argument(
        "--benchmark", action="append", default=[], metavar="NAME", help="only this one; may be given again"
    )
    compare.add_argument("--json", action="store_true", help="one JSON object")
    compare.set_defaults(run=_compare)
    selections = commands.add_parser(
        "compare-selections", help="what each metric would choose, and why they differ"
    )
    selections.add_argument(
        "--examples", type=int, default=3, metavar="N", help="rows of each kind; default 3"
    )
    selections.add_argument(
        "--between", nargs=2, default=(), metavar="METRIC", help="show what two disagree on"
    )
    selections.set_defaults(run=_compare_selections)
    contamination = commands.add_parser("contamination", help="text that rows share with evaluation sets")
    contamination.add_argument(
        "--rows", action="append", required=True, type=Path, metavar="FILE", help="seed data of any format"
    )
    contamination.add_argument(
        "--set", action="append", required=True, metavar="NAME=FILE", help="an evaluation set"
    )
    contamination.add_argument(
        "--columns", action="append", default=[], metavar="NAME=COLUMN,…", help="of a set, the question first"
    )
    contamination.add_argument(
        "--ngrams", nargs="+", type=int, default=[13, 8], metavar="N", help="adjacent words; default 13 8"
    )
    contamination.add_argument(
        "--show", type=int, default=0, metavar="N", help="the N longest overlaps of each file and set"
    )
    contamination.set_defaults(run=_contamination)
    usage = commands.add_parser("usage", help="what was really called and paid here, and how long it took")
    usage.set_defaults(run=_usage)
    store = commands.add_parser("store", help="the kept replies: count, share, prune, rebuild")
    store_commands.add_store_commands(store.add_subparsers(required=True, metavar="COMMAND"))
    scores = commands.add_parser("pass-at-k", help="completions of HumanEval or MBPP, run in the sandbox")
    pass_at_k.add_pass_at_k(scores)
    scores.set_defaults(run=_pass_at_k)
    replies = commands.add_parser("score-replies", help="replies to a benchmark that were written elsewhere")
    score_replies.add_score_replies(replies)
    replies.set_defaults(run=_score_replies)
    submission = commands.add_parser("ceval-submission", help="answers to C-Eval's test split, for its site")
    ceval_submission.add_ceval_submission(submission)
    submission.set_defaults(run=_ceval_submission)
    return parser


def _repro(arguments: argparse.Namespace) -> int:
    from evobuild.cli import repro

    if {"-h", "--help"} & set(arguments.words):
        say(arguments.help())
        raise SystemExit(0)
    return repro.repro(arguments.words)


def _pass_at_k(arguments: argparse.Namespace) -> int:
    say(pass_at_k.score_completions(arguments))
    return 0


def _score_replies(arguments: argparse.Namespace) -> int:
    say(score_replies.score_replies(arguments))
    return 0


def _ceval_submission(arguments: argparse.Namespace) -> int:
    say(ceval_submission.write_submission(arguments))
    return 0


def _models(arguments: argparse.Namespace) -> int:
    from evobuild.cli.models import inspection

    found = inspection.inspect(PARAMS)
    say(inspection.roles_table(found))
    return 1 if any(each.problem for each in found) else 0


def _explain(arguments: argparse.Namespace) -> int:
    from evobuild.cli.explain import explain

    say(explain.explain(arguments.id))
    return 0


def _preset(arguments: argparse.Namespace) -> int:
    from evobuild.cli import preset as presets

    said = f"{' '.join(presets.options(arguments.name))}\n" if arguments.name else presets.listing()
    say(said)
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    from evobuild.cli import compare

    a, b = arguments.models
    found = compare.compare_models(PARAMS, a, b, arguments.benchmark)
    say(f"{json.dumps(found._asdict())}\n" if arguments.json else compare.comparison_text(found))
    return 0


def _compare_selections(arguments: argparse.Namespace) -> int:
    from evobuild.cli import compare_selections

    say(compare_selections.report(PARAMS, arguments.examples, arguments.between))
    return 0


def _contamination(arguments: argparse.Namespace) -> int:
    from evobuild.cli import contamination

    sets = contamination.named(arguments.set, arguments.columns)
    for text in contamination.report(arguments.rows, sets, arguments.ngrams, arguments.show):
        say(text)
        sys.stdout.flush()
    return 0


def _usage(arguments: argparse.Namespace) -> int:
    from evobuild.cli.usage import usage_table

    say(usage_table())
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    from evobuild.cli.plan import plan

    planned = plan.plan(arguments.set_param, arguments.targets)
    lines = [json.dumps(asdict(each)) for each in planned] if arguments.json else [plan.plan_table(planned)]
    say("".join(f"{line}\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())

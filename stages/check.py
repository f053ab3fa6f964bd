"""Check params.yaml before anything runs: every key, and what the keys say of one another.

`checked` is constant, so that a harmless edit of params.yaml reruns this stage alone. It removes what is left
of rounds and pools that are no more, for stages depend on whole folders. `label` tells those that write
figures and cards whether it is a dry run, or by a toy.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from evobuild.cli.check.all_params import Params
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.stage import run_stage
from evobuild.process.terminal import log


@dataclass(frozen=True, kw_only=True)
class Arguments:
    values: Path = Path("params.yaml")
    checked: Out = out("data/check.txt", persist=True)
    label: Out = out("data/label.txt")


STAGE = Stage(
    desc="Check params.yaml before anything runs, and remove what removed rounds left.",
    after="",
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.cli.check import (
        consistency,
        evaluation_checks,
        leftovers,
        package_checks,
        prompt_checks,
        toy_checks,
    )
    from evobuild.cli.pipeline.pipeline import check_pipeline
    from evobuild.core import metrics
    from evobuild.core.stages import stage_instances
    from evobuild.core.yaml_files import read_yaml
    from evobuild.process import dvc_state

    dvc_state.check_path(Path.cwd())
    package_checks.check_packages(params)
    values = read_yaml(args.values)
    prompt_checks.check_prompts(values)
    consistency.check_params(params)
    if "DVC_STAGE" in os.environ:
        check_pipeline()
    leftovers.clean_leftovers(stage_instances(values))
    if warning := dvc_state.warning_of_shared_site_cache():
        log(warning)
    for warning in evaluation_checks.list_evaluation_warnings(params):
        log(warning)
    if label := toy_checks.choose_label(params):
        log(metrics.explain_label(label))
    metrics.write_label(args.label, label)
    args.checked.write_text("params.yaml is sound\n", encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)

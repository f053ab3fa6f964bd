"""Check params.yaml before anything runs: every key, and what the keys say of one another.

Every stage waits for `checked`, which is constant, so that a harmless edit of params.yaml reruns only this
stage. `label` tells those that write figures and cards whether it is a dry run, or by a toy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.cli.check.params import Params
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.stage import run
from evobuild.process.terminal import log


@dataclass(frozen=True, kw_only=True)
class Arguments:
    values: Path = Path("params.yaml")
    checked: Out = out("data/check.txt")
    label: Out = out("data/label.txt")


STAGE = Stage(
    desc="Check params.yaml before anything runs.",
    after="",
    waits_for=("evobuild",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.cli.check import consistency, evaluation, packages, prompt_folder, toys
    from evobuild.core import metrics
    from evobuild.core.yaml_files import read_yaml
    from evobuild.process import dvc_state

    dvc_state.check_path(Path.cwd())
    packages.check_packages(params)
    prompt_folder.check_prompts(read_yaml(args.values))
    consistency.check_params(params)
    if warning := dvc_state.warning_of_shared_site_cache():
        log(warning)
    for warning in evaluation.evaluation_warnings(params):
        log(warning)
    if label := toys.label_of(params):
        log(metrics.explain_label(label))
    metrics.write_label(args.label, label)
    args.checked.write_text("params.yaml is sound\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)

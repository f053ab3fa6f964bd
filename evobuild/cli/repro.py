"""`evobuild repro`: check params and renew derived files, then run `dvc repro`.

DVC puts params into dvc.yaml before any stage runs: a section that is missing or of another kind ends in an
error of DVC's own. Here params.yaml is checked first, in the words of the stage `check`. Then what is left
of rounds and pools that are no more is removed, and dvc.yaml and evobuild.lock are renewed. A clone that has
pulled just what readers are given lacks the tables that this was made of; they are built only if something
is stale. `dvc exp run` cannot be stepped in front of so.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from evobuild.cli import pull
from evobuild.cli.check import consistency, leftovers, package_checks, prompt_checks
from evobuild.cli.check.all_params import PARAMS, load_all_params
from evobuild.cli.pipeline.pipeline import write_pipeline
from evobuild.core.errors import UserError
from evobuild.core.prompts import use_folder
from evobuild.core.stages import stage_instances
from evobuild.core.suggestions import unknown_name
from evobuild.core.yaml_files import read_yaml
from evobuild.process.dvc_state import check_path, check_writable, damaged_rwlock, use_private_site_cache
from evobuild.process.terminal import log


def run_repro(words: Sequence[str]) -> int:
    """Check, then replace this process by `dvc repro`. Raises UserError at the first mistake."""
    if not Path("dvc.yaml").is_file():
        raise UserError("dvc.yaml: no such file; run in its folder, or begin one: evobuild init")
    params = load_all_params(PARAMS)
    check_path(Path.cwd())
    check_writable(Path.cwd())
    with use_folder(Path(params.prompts)):
        prompt_checks.check_prompts(read_yaml(PARAMS))
        consistency.check_params(params)
    if damaged := damaged_rwlock():
        raise UserError(damaged)
    use_private_site_cache()
    leftovers.clean_leftovers(stage_instances(read_yaml(PARAMS)))
    if changed := write_pipeline():
        log(f"updated to the current stages, params.yaml and libraries: {', '.join(map(str, changed))}")
    check_stages(words)
    options = missing_table_options()
    # With --allow-missing nothing is stale, so nothing runs: a reader's clone needs no torch.
    if not options:
        package_checks.check_packages(params)
    sys.stdout.flush()
    # Put this Python's folder first, so that DVC and stages use it whatever environment is active.
    os.environ["PATH"] = os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    )
    os.execv(sys.executable, [sys.executable, "-m", "dvc", "repro", *options, *words])


def check_stages(words: Sequence[str]) -> None:
    """Raise UserError at an unknown stage; paths, and all words with --glob or --cwd, are left to DVC."""
    if changes := [word for word in words if word.startswith(("-S", "--set-param"))]:
        raise UserError(
            f"repro takes no {changes[0]}; change params.yaml, or build a variant beside this version: "
            "dvc exp run --temp -S …"
        )
    names = [word for word in words if re.fullmatch(r"\w[\w-]*(@[\w-]+)?", word) and not Path(word).exists()]
    if not names or not {"--glob", "-c", "--cwd"}.isdisjoint(words):
        return
    stages = list(read_yaml(Path("dvc.yaml")).get("stages") or {})
    runs: dict[str, list[str]] = {}
    for each in stage_instances(read_yaml(PARAMS)):
        runs.setdefault(each.stage.name, []).append(f"{each.stage.name}@{each.name}")
    for word in names:
        stage, _, run = word.partition("@")
        if stage not in stages:
            raise UserError(unknown_name("stage", stage, stages))
        if run and stage in runs and word not in runs[stage]:
            raise UserError(unknown_name("stage", word, runs[stage]))


def missing_table_options() -> list[str]:
    """Return --allow-missing if intermediate tables were not pulled and nothing is stale, else no option."""
    if not pull.has_only_pulled():
        return []
    if pull.is_up_to_date():
        log("intermediate tables are missing (they are not pushed); nothing is stale, so nothing is rebuilt")
        return ["--allow-missing"]
    log("intermediate tables are missing (they are not pushed); something is stale, so they are rebuilt")
    return []

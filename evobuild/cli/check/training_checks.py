"""Check the params of training: each base's own settings, and that its training data will exist."""

from __future__ import annotations

from evobuild.cli.check.all_params import Params
from evobuild.cli.check.path_checks import check_file
from evobuild.core.errors import BadParams
from evobuild.core.suggestions import unknown_name
from evobuild.training.params import DATASET, settings_of_base


def check_training(params: Params) -> None:
    """Raise BadParams at the first contradiction."""
    _check_data(params)
    _check_template("finetune.template", params.finetune.template)
    for name in params.bases:
        settings = settings_of_base(params.bases, name, params.finetune)
        _check_template(f"bases.{name}.finetune.template", settings.template)


def _check_data(params: Params) -> None:
    data, is_dpo = params.finetune.data, params.finetune.method == "dpo"
    if not is_dpo and data not in (DATASET, *params.pools):
        said = unknown_name("dataset or pool", data, [DATASET, *params.pools])
        raise BadParams(f"params.yaml: finetune.data: {said}")
    if is_dpo and data not in params.branches:
        said = unknown_name("branch", data, params.branches, "" if params.branches else "branches.autoif")
        raise BadParams(f"params.yaml: finetune.data, of finetune.method dpo: {said}")
    if is_dpo and not params.autoif.sample.count:
        raise BadParams(
            f"params.yaml: finetune.method is dpo on the pairs of {data}, but autoif.sample.count is 0, "
            "so no pair is made; set autoif.sample.count, or use the method sft"
        )


def _check_template(key: str, template: str) -> None:
    """Check that a custom chat template is a file."""
    if template.endswith((".jinja", ".j2")):
        check_file(key, template, "a Jinja file with a chat template")

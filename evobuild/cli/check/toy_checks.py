"""Check where params use the toy model, and label every output that depends on it.

The pipeline can train models/scratch in seconds: it lets every stage run offline, but its results mean
nothing. With simulated roles everything is a dry run anyway. With real ones, its metrics could be mistaken
for results.
"""

from __future__ import annotations

from evobuild.cli.check.all_params import Params
from evobuild.core import metrics
from evobuild.core.errors import BadParams
from evobuild.core.uri import SCRATCH, ChatModel
from evobuild.models import roles
from evobuild.scoring.params import measure_models


def check_toys(params: Params) -> None:
    """Raise BadParams if a chat role is real, a scorer or base is the toy, and allow_toy is false."""
    toys, real = _list_toys(params), _list_real_roles(params)
    if toys and real and not params.allow_toy:
        raise BadParams(
            f"params.yaml: {next(iter(real))} is {next(iter(real.values()))}, and {' and '.join(toys)} "
            f"{'is' if len(toys) == 1 else 'are'} the toy, {SCRATCH}, whose results mean nothing; expected "
            "real models, or none for data alone (`evobuild preset data-only`), or allow_toy: true, which "
            f"labels everything {metrics.TOY}"
        )


def choose_label(params: Params) -> str:
    """Return the label of every output: DRY RUN, TOY, both, or ''."""
    beside = (*params.evaluate.models.values(), *measure_models(params.measures).values())
    is_dry_run = roles.is_dry_run(params.models, beside)
    is_toy = bool(_list_toys(params) and _list_real_roles(params))
    return metrics.join_labels(is_dry_run, is_toy)


def _list_toys(params: Params) -> list[str]:
    """List the keys of models that are the toy or trained from it."""
    scorer = params.models.scorer
    named = params.experience.base if scorer and scorer.is_experienced else scorer
    bases = [f"bases.{name}" for name, base in params.bases.items() if base.model.is_scratch]
    return (["models.scorer"] if named and named.is_scratch else []) + bases


def _list_real_roles(params: Params) -> dict[str, ChatModel]:
    """List the chat models that are not simulated, by their keys."""
    asked = {f"models.{role}": model for role, model in roles.chat_models(params.models).items()}
    asked |= {f"measures.{name}.model": each.model for name, each in params.measures.items() if each.model}
    return {key: model for key, model in asked.items() if not model.simulated}

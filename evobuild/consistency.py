"""What the keys of params.yaml say of one another, and of the files that they name."""

from __future__ import annotations

import os
from importlib import util
from pathlib import Path
from typing import Any

from evobuild import language
from evobuild.frame.errors import BadParams
from evobuild.frame.params import Answers, Models, Params, Verifiers
from evobuild.frame.tables import SEED_ROUND
from evobuild.frame.uri import ChatModel, Weights
from evobuild.ranks import KINDS

HELD_OUT = "data/held_out.parquet"
"""The evaluation set that the stage seed makes."""
CHAT_ROLES = ("evolver", "optimizer", "responder", "judge")
"""Those that every line has."""
OPTIONAL_CHAT_ROLES = ("tagger",)
WEIGHTS_ROLES = ("scorer", "base", "embedder", "reward", "entailment")


def check(params: Params) -> None:
    """Raise BadParams at the first contradiction."""
    _check_rounds(params)
    _check_pools(params)
    _check_source(params)
    _check_sets(params)
    _check_optimize(params)
    _check_evolve(params)
    _check_autoif(params)
    _check_select(params)
    _check_adapter(params)
    _check_folders(params)


def is_dry_run(params: Params) -> bool:
    """Whether a chat role is simulated, so that nothing downstream is a result."""
    return any(model.simulated for model in chat_models(params.models).values())


def chat_models(models: Models) -> dict[str, ChatModel]:
    """The chat model of each role that has one."""
    return _given(models, (*CHAT_ROLES, *OPTIONAL_CHAT_ROLES))


def weights_models(models: Models) -> dict[str, Weights]:
    """The weights of each role that has some."""
    return _given(models, WEIGHTS_ROLES)


def _given(models: Models, roles: tuple[str, ...]) -> dict[str, Any]:
    return {role: model for role in roles if (model := getattr(models, role)) is not None}


def _check_rounds(params: Params) -> None:
    for name, round_ in params.rounds.items():
        if not name.startswith("r") or not name[1:2].isdigit() or name == SEED_ROUND:
            raise BadParams(
                f"params.yaml: rounds.{name}: expected a name such as r1 or r2b; {SEED_ROUND} is the seed"
            )
        if round_.parent != SEED_ROUND and round_.parent not in params.rounds:
            known = ", ".join([SEED_ROUND, *params.rounds])
            raise BadParams(
                f"params.yaml: rounds.{name}.parent is '{round_.parent}'; expected one of {known}"
            )
    for name in params.rounds:
        path = [name]
        while path[-1] != SEED_ROUND:
            path.append(params.rounds[path[-1]].parent)
            if path[-1] in path[:-1]:
                raise BadParams(f"params.yaml: rounds go in a circle: {' <- '.join(path)}")


def _check_pools(params: Params) -> None:
    known = [SEED_ROUND, *params.rounds, *params.branches]
    for name in params.pools:
        if name not in known:
            raise BadParams(
                f"params.yaml: pools.{name} is no round and no branch; expected some of {', '.join(known)}"
            )
    if not params.pools:
        raise BadParams("params.yaml: pools is empty; expected some of " + ", ".join(known))


def _check_source(params: Params) -> None:
    source = params.seed.source
    if os.path.normpath(source) not in _fetched(params):
        _check_file("seed.source", source, "a .json, .jsonl, .csv or .parquet file")


def _fetched(params: Params) -> list[str]:
    return [f"data/raw/{name}.parquet" for name in params.fetch]


def _check_sets(params: Params) -> None:
    given = params.decontaminate
    if not given.sets:
        raise BadParams(
            f"params.yaml: decontaminate.sets is empty; expected at least held_out: {HELD_OUT}, "
            "whose hits a selection may keep with select.contamination: []"
        )
    for name, source in given.sets.items():
        if os.path.normpath(source) not in (HELD_OUT, *_fetched(params)):
            wanted = f"a .json, .jsonl, .csv or .parquet file, or fetch.{name}, which gives "
            _check_file(f"decontaminate.sets.{name}", source, f"{wanted}data/raw/{name}.parquet")
    for name in given.columns:
        if name not in given.sets:
            known = ", ".join(given.sets)
            raise BadParams(
                f"params.yaml: decontaminate.columns.{name} is of no set; expected one of {known}"
            )
    if given.embedding is not None and params.models.embedder is None:
        raise BadParams(
            f"params.yaml: decontaminate.embedding is {given.embedding}, but models.embedder is null; "
            "expected an embedder, or null for both"
        )
    if len(set(given.ngrams)) < len(given.ngrams) or not given.ngrams:
        found = ", ".join(map(str, given.ngrams)) or "empty"
        raise BadParams(f"params.yaml: decontaminate.ngrams is {found}; expected lengths, each once")
    taken = [*(f"{n}-gram" for n in given.ngrams), "embedding"]
    for measure in params.select.contamination:
        if measure not in taken:
            raise BadParams(
                f"params.yaml: select.contamination names {measure}, which nobody looks for; "
                f"expected some of {', '.join(taken)}"
            )


def _check_file(key: str, name: str, wanted: str) -> None:
    """A file that stages depend on; DVC takes none that is relative and outside the repository."""
    inside = Path(os.path.normpath(name))
    if inside.parts[:1] == ("..",):
        raise BadParams(
            f"params.yaml: {key} is '{name}'; "
            "expected a path in the repository, or an absolute one outside it"
        )
    if not inside.is_file():
        found = "is no file" if inside.exists() else "does not exist"
        raise BadParams(f"params.yaml: {key} '{name}' {found}; expected {wanted}")


def _check_optimize(params: Params) -> None:
    given = params.optimize
    if given.development + given.holdout >= given.pool:
        raise BadParams(
            f"params.yaml: optimize.development {given.development} and optimize.holdout {given.holdout} "
            f"leave nothing of optimize.pool {given.pool} to draw mini-batches from; expected a larger pool"
        )
    if given.candidates > 1 and given.temperature == 0:
        raise BadParams(
            f"params.yaml: optimize.candidates is {given.candidates} at optimize.temperature 0, "
            "which makes them all the same; expected a temperature above 0, or 1 candidate"
        )


def _check_evolve(params: Params) -> None:
    given = params.evolve
    if "default" not in given.operations:
        found = ", ".join(given.operations) or "nothing"
        raise BadParams(
            f"params.yaml: evolve.operations has {found}; expected 'default', too, for every other domain"
        )
    if given.on_failure == "retry" and given.temperature == 0:
        raise BadParams(
            "params.yaml: evolve.on_failure is 'retry' at evolve.temperature 0, "
            "which gives the same reply again; expected a temperature above 0, or 'drop' or 'keep_parent'"
        )
    # Stages depend on it even where it is not used.
    _check_file("evolve.file", given.file, "a text file with a method")


def _check_autoif(params: Params) -> None:
    given = params.autoif
    # The check of params depends on it even where there is no branch.
    _check_file("autoif.seeds", given.seeds, "a text file with a constraint a line")
    least, most = given.compose.min_characters, given.compose.max_characters
    if least > most:
        raise BadParams(
            f"params.yaml: autoif.compose.min_characters {least} is above autoif.compose.max_characters "
            f"{most}; expected the least first"
        )
    if params.models.entailment and not given.backtranslate.functions:
        raise BadParams(
            f"params.yaml: models.entailment is {params.models.entailment}, but "
            "autoif.backtranslate.functions is 0, so that it has nothing to compare; "
            "expected functions to turn back, or null"
        )
    sampled: dict[str, Verifiers | Answers] = {"verifiers": given.verifiers, "answers": given.answers}
    for name, each in sampled.items():
        if each.count > 1 and each.temperature == 0:
            raise BadParams(
                f"params.yaml: autoif.{name}.count is {each.count} at autoif.{name}.temperature 0, "
                f"which makes them all the same; expected a temperature above 0, or a count of 1"
            )


def _check_select(params: Params) -> None:
    given, known = params.select, ", ".join(params.pools)
    if given.pools == []:
        raise BadParams(f"params.yaml: select.pools is empty; expected 'all' or some of {known}")
    for name in [] if given.pools == "all" else given.pools:
        if name not in params.pools:
            raise BadParams(
                f"params.yaml: select.pools names '{name}', which is no pool; expected some of {known}"
            )
    if given.keep_seeds and SEED_ROUND not in params.pools:
        raise BadParams(
            f"params.yaml: select.keep_seeds needs the pool {SEED_ROUND}; expected pools.{SEED_ROUND}: {{}}"
        )
    chosen_from = list(params.pools) if given.pools == "all" else given.pools
    weighted = [name for name in chosen_from if not (given.keep_seeds and name == SEED_ROUND)]
    if given.weights and sorted(given.weights) != sorted(weighted):
        raise BadParams(
            f"params.yaml: select.weights names {', '.join(given.weights)}; "
            f"expected a weight for each of {', '.join(weighted)}, or {{}}"
        )
    if (given.share is None) == (given.count is None):
        raise BadParams(
            f"params.yaml: select.share is {given.share} and select.count is {given.count}; "
            "expected one of them, and null for the other"
        )
    _check_measured(params)
    _check_filters(params)


def _check_measured(params: Params) -> None:
    """What rows are chosen by must be measured."""
    given, models = params.select, params.models
    off = {
        "models.scorer": models.scorer is None,
        "models.embedder": models.embedder is None,
        "models.reward": models.reward is None,
        "models.tagger": models.tagger is None,
        "rate.measures": "score" not in params.rate.measures,
    }
    asked = [("by", metric) for metric in given.by] + [
        ("filters.ranges", name) for name in given.filters.ranges
    ]
    asked += [("filters.max_ifd", "ifd")] if given.filters.max_ifd is not None else []
    needed = [(f"{key} asks for {metric}", KINDS[metric].switch) for key, metric in asked if metric in KINDS]
    needed += [("greedy compares embeddings", "models.embedder")] if given.greedy is not None else []
    compares = given.duplicates.embedding is not None
    needed += [("duplicates.embedding compares embeddings", "models.embedder")] if compares else []
    for what, switch in needed:
        if off[switch]:
            raise BadParams(
                f"params.yaml: select.{what}, but {switch} switches that off; "
                f"expected another choice, or {switch} set"
            )
    if any(metric == "tags" for _, metric in asked) and params.tag.rows is not None:
        raise BadParams(
            f"params.yaml: select asks for tags, but tag.rows is {params.tag.rows}; expected null: all rows"
        )


def _check_filters(params: Params) -> None:
    given = params.select.filters
    if "random" in given.ranges:
        raise BadParams(
            "params.yaml: select.filters.ranges names 'random'; expected a metric that is measured"
        )
    bounds = {f"ranges.{name}": bound for name, bound in given.ranges.items()}
    for key, (least, most) in {
        **bounds,
        "min_words and max_words": (given.min_words, given.max_words),
    }.items():
        if least is not None and most is not None and least > most:
            raise BadParams(
                f"params.yaml: select.filters.{key}: {least:g} to {most:g} holds nothing; "
                "expected the least first, then the most"
            )
    for code in given.languages:
        if code not in language.NAMES:
            raise BadParams(
                f"params.yaml: select.filters.languages has '{code}'; "
                f"expected some of {', '.join(language.NAMES)}"
            )


def _check_adapter(params: Params) -> None:
    scorer = params.models.scorer
    if scorer and scorer.adapter and not Path(scorer.adapter, "adapter_config.json").is_file():
        raise BadParams(
            f"params.yaml: models.scorer.adapter is '{scorer.adapter}', which holds no adapter_config.json; "
            "expected a LoRA folder"
        )


def _check_folders(params: Params) -> None:
    """A model that is written as a path must be a folder; a hub id has at most one slash."""
    roles: dict[str, ChatModel | Weights] = dict(weights_models(params.models))
    chat = chat_models(params.models)
    roles |= {role: model for role, model in chat.items() if model.engine == "transformers"}
    for role, model in roles.items():
        name = model.name
        if isinstance(model, Weights) and model.package:
            _check_package(role, model)
            continue
        is_path = name.startswith(("/", ".", "~", "models/")) or name.count("/") > 1
        weights = Weights(name, model.revision)
        if is_path and not weights.is_local:
            raise BadParams(f"params.yaml: models.{role} names the folder '{name}', which does not exist")
        if weights.is_local and model.revision:
            raise BadParams(
                f"params.yaml: models.{role} is '{model}'; a folder has no revision, it counts by content"
            )


def _check_package(role: str, model: Weights) -> None:
    if model.revision:
        raise BadParams(f"params.yaml: models.{role} is '{model}'; a package has no revision")
    if util.find_spec(model.package) is None:
        raise BadParams(
            f"params.yaml: models.{role} names the package '{model.package}', which is not installed; "
            f"install it, or choose another model, or null for none"
        )

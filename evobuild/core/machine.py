"""machine.yaml: where things run and what they may cost; nothing in it changes a result.

The file is optional and not in git. It lies in the repository's root ($DVC_ROOT, which DVC sets in
stages, also under --temp and --queue). Instance:

    openai: {base_url: "http://127.0.0.1:8000/v1", concurrency: 64}
    vllm: {tensor_parallel_size: 2}
    budget: {calls: 10000, cost: 25.0}
    prices:
      "openai:gpt-4o": {prompt: 2.5, completion: 10.0}
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from evobuild.core.params import Between, Few, Section, validated
from evobuild.core.yaml_files import read_yaml_or_nothing

FILE = "machine.yaml"
Unanswered = Literal["fail", "reject"]
"""What becomes of rows that got no reply though another run may get one."""
Amount = Annotated[float, Between(0, 1e12)]


class Vllm(Section):
    """Where vLLM runs; the names are vLLM's own. Which GPUs it sees: $CUDA_VISIBLE_DEVICES."""

    tensor_parallel_size: Few = 1
    gpu_memory_utilization: Annotated[float, Between(0.01, 1)] = 0.9
    max_num_seqs: Annotated[int, Between(1, 65536)] = 256
    enforce_eager: bool = False


class OpenAI(Section):
    """How a server is asked. base_url: else $OPENAI_BASE_URL; the key is always $OPENAI_API_KEY.

    unanswered: what becomes of rows that got no reply though another run may get one: `fail` stops the stage
    once all others are kept, `reject` loses them.
    """

    base_url: str | None = None
    concurrency: Annotated[int, Between(1, 10_000)] = 64
    timeout: Annotated[float, Between(0.001, 86_400)] = 600.0
    retries: Annotated[int, Between(0, 100)] = 6
    unanswered: Unanswered = "fail"


class Transformers(Section):
    """batch: sequences generated at once."""

    batch: Few = 16


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
    openai: OpenAI = OpenAI()
    transformers: Transformers = Transformers()
    training: Training = Training()
    budget: Budget = Budget()
    prices: dict[str, Price] = Field(default_factory=dict)

    def price(self, model: str) -> Price | None:
        """Give the price of a chat model, None if there is none; one without options is for all options."""
        return self.prices.get(model) or self.prices.get(model.partition("[")[0])


def repository_root() -> Path:
    """The repository: $DVC_ROOT, else the nearest folder up from here that holds dvc.yaml, else here."""
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
    return validated(path, read_yaml_or_nothing(path) or {}, Machine)

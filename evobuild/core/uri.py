"""Names of models: `engine:model[@revision]` for chat roles, a hub id or a folder for weights.

Instances: `simulated:small`, `vllm:Qwen/Qwen2.5-7B-Instruct@a09a35458c70`, `openai:gpt-4o`,
`transformers:models/scratch`; as weights `HuggingFaceTB/SmolLM2-135M@12fd25f`, `models/scratch`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.core.suggestions import unknown_name

ENGINES = ("simulated", "vllm", "openai", "transformers")
SCRATCH = "models/scratch"
"""The folder of the stage `scratch`: a toy model."""
EXPERIENCED = "models/experienced"
"""The folder of the stage `experience`: the base after a brief tuning, to score with."""
MADE = {SCRATCH: "scratch", EXPERIENCED: "experience"}
"""Folders of weights that a role may name before they are there, each with the stage that makes it."""


BASES = "bases/"
"""Prefix of the name of an evaluated base, `transformers:bases/toy`."""
PACKAGE = "package:"
"""Prefix of the module of a package that ships a model in its folder `model`."""


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A chat role's model: which engine serves which model at which revision ('' = not pinned).

    The options change results, so they are part of the model's name: dtype and quantization as the
    engine calls them, max_length in tokens of prompt and reply, adapter a LoRA folder, reasoning how much it
    is to think before it answers, speculative who drafts how many tokens ahead; each '' or 0 if it is left to
    the model. server_id: which of several servers that give one name to different models, in words of one's
    own.
    """

    engine: str
    name: str
    revision: str = ""
    dtype: str = ""
    quantization: str = ""
    max_length: int = 0
    adapter: str = ""
    reasoning: str = ""
    server_id: str = ""
    speculative: str = ""

    def __str__(self) -> str:
        names = ("dtype", "quantization", "max_length", "adapter", "reasoning", "server_id", "speculative")
        options = {name: getattr(self, name) for name in names}
        given = ",".join(f"{name}={value}" for name, value in options.items() if value)
        revision = f"@{self.revision}" if self.revision else ""
        return f"{self.engine}:{self.name}{revision}" + (f"[{given}]" if given else "")

    @property
    def base(self) -> str:
        """The entry of `bases` that names its weights, `bases/<name>`; '' if it names a model itself."""
        return self.name.removeprefix(BASES) if self.name.startswith(BASES) else ""

    @property
    def simulated(self) -> bool:
        """Whether it is no model: its outputs are a dry run."""
        return self.engine == "simulated"


@dataclass(frozen=True, slots=True)
class Weights:
    """A model by hub id, by local folder, or by the Python package that brings it, `package:<module>`.

    adapter: a LoRA folder over it, '' for none. pickle: whether weights may be pickles, of
    which tensors alone are read.
    """

    name: str
    revision: str = ""
    adapter: str = ""
    pickle: bool = False

    def __str__(self) -> str:
        options = [f"adapter={self.adapter}"] * bool(self.adapter) + ["pickle"] * self.pickle
        given = f"[{','.join(options)}]" if options else ""
        return self.name + (f"@{self.revision}" if self.revision else "") + given

    @property
    def is_scratch(self) -> bool:
        """The toy model that the stage `scratch` trains."""
        return self.name == SCRATCH

    @property
    def is_experienced(self) -> bool:
        """The scorer that the stage `experience` tunes."""
        return self.name == EXPERIENCED

    @property
    def made_by(self) -> str:
        """The stage that makes it, '' if none does."""
        return MADE.get(self.name, "")

    @property
    def is_local(self) -> bool:
        """A folder rather than a hub id."""
        return bool(self.made_by or self.package) or Path(self.name).is_dir()

    @property
    def package(self) -> str:
        """The module whose folder `model` it is, '' if it comes in no package."""
        return self.name.removeprefix(PACKAGE) if self.name.startswith(PACKAGE) else ""


def parse_chat_model(text: str) -> ChatModel:
    """Read `engine:model[@revision]`.

    Raises ValueError, with what was wanted, for an unknown engine or a missing model.
    """
    engine, colon, rest = text.partition(":")
    if not colon:
        raise ValueError(f"expected {', '.join(f'{name}:<model>' for name in ENGINES)}")
    if engine not in ENGINES:
        raise ValueError(unknown_name("engine", engine, ENGINES))
    if engine == "openai":
        # The server knows its models' names, and an '@' may be part of one.
        return ChatModel(engine, rest)
    return ChatModel(engine, *_split_revision(rest))


def parse_weights(text: str) -> Weights:
    """Read `<hub id or folder>[@revision]`.

    Raises ValueError for an empty name, one with an engine before it, or a package that is no module.
    """
    if text.partition(":")[0] in ENGINES:
        raise ValueError("expected a hub id or a folder without an engine before it")
    if text.startswith(PACKAGE) and not text.removeprefix(PACKAGE).isidentifier():
        raise ValueError(f"expected {PACKAGE}<name of a Python module>")
    return Weights(*_split_revision(text))


def _split_revision(text: str) -> tuple[str, str]:
    # A folder may hold an '@': only what follows the last slash can be a revision.
    head, slash, last = text.rpartition("/")
    name, at, revision = last.partition("@")
    if not (name or head) or (at and not revision):
        raise ValueError("expected <model>[@<revision>]")
    return head + slash + name, revision

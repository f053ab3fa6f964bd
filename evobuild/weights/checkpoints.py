"""Models from the hub, a folder or a package: found, named by content, loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from evobuild.core.errors import UserError, require
from evobuild.core.uri import SCRATCH, Weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BLOCK = 1 << 20

HUB_SECONDS = 5.0
"""To wait for the hub's answer, before a download that would try again for most of a minute."""

DTYPES = ("float32", "bfloat16", "float16")

THREADS = 2
"""Threads of what is trained on a CPU: sums in another order would give other weights."""


def identity(weights: Weights) -> str:
    """Name weights by what they hold: a folder by its content, a hub id by its commit.

    Raises UserError if the folder is no model, or an unpinned hub id cannot be resolved.
    """
    if weights.is_local:
        return f"{weights.name}#{_digest(_folder(weights))}"
    if weights.revision:
        return str(weights)
    try:
        return f"{weights.name}@{_commit(weights)}"
    except UserError as error:
        raise UserError(
            f"the model '{weights.name}' is no folder, its revision is not given, and {error}\n"
            "give a folder, or pin it as <hub id>@<revision>"
        ) from error


def source(weights: Weights) -> tuple[str, str | None]:
    """Where weights are loaded from: a folder and None, or a hub id and its revision.

    Where the hub does not give them it is the folder of the hub's cache that holds them.

    Raises UserError, within seconds, if the folder is no model, or neither hub nor cache has them.
    """
    return (str(_folder(weights)), None) if weights.is_local else _on_hub(weights)


@cache
def _on_hub(weights: Weights) -> tuple[str, str | None]:
    hub, revision = require("huggingface_hub", "train"), weights.revision or None
    try:
        _commit(weights)
    except UserError as error:
        # ValueError: a name that no hub could have.
        with suppress(ValueError):
            config = hub.try_to_load_from_cache(weights.name, "config.json", revision=revision)
            if isinstance(config, str):
                return str(Path(config).parent), None
        raise UserError(
            f"the model '{weights}' is no folder, not in the hub's cache, and {error}\n"
            "give a folder, or fill the cache where the hub can be reached"
        ) from error
    return weights.name, revision


def _commit(weights: Weights) -> str:
    """Ask the hub for a revision's commit. Raises UserError with what came instead."""
    hub, errors = require("huggingface_hub", "train"), require("huggingface_hub.errors", "train")
    try:
        info = hub.HfApi().model_info(weights.name, revision=weights.revision or None, timeout=HUB_SECONDS)
    # HTTPError is that of the hub's own client: a lost connection is one, and no OSError.
    except (errors.HTTPError, errors.HFValidationError, OSError, ValueError) as error:
        reason = str(error).split("\n\n")[-1].partition("\n")[0][:160] or type(error).__name__
        raise UserError(f"{hub.constants.ENDPOINT} does not give it: {reason}") from error
    commit: str = info.sha
    return commit


def adapter_identity(adapter: str) -> str:
    """Name a LoRA folder by what it holds. Raises UserError if it is none."""
    if not (Path(adapter) / "adapter_config.json").exists():
        raise UserError(f"the adapter '{adapter}' holds no adapter_config.json; give a LoRA folder")
    return f"{adapter}#{_digest(Path(adapter))}"


def _folder(weights: Weights) -> Path:
    folder = location(weights)
    if (folder / "config.json").exists():
        return folder
    made = (
        "the stage scratch makes it"
        if weights.name == SCRATCH
        else "give a folder with config.json and weights"
    )
    raise UserError(f"the model folder '{folder}' holds no config.json; {made}")


def location(weights: Weights) -> Path:
    """Where local weights lie, be they there or not: a package is looked up, and not imported.

    Raises UserError if it is not installed.
    """
    if not weights.package:
        return Path(weights.name)
    found = util.find_spec(weights.package)
    if found is None or not found.submodule_search_locations:
        raise UserError(
            f"the package '{weights.package}' is not installed; install it, or choose another model"
        )
    return Path(found.submodule_search_locations[0]) / "model"


def _digest(folder: Path) -> str:
    total = hashlib.blake2b(digest_size=10)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{file.relative_to(folder)}\n{file.stat().st_size}\n".encode())
        with file.open("rb") as stream:
            while block := stream.read(BLOCK):
                total.update(block)
    return total.hexdigest()


CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}{{ '\\n' }}"
    "{% else %}{{ message['content'] + '\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
"""For models that have no chat template; marks what the assistant generates."""


def library() -> ModuleType:
    """Import transformers, without its progress bars and advice. Raises MissingExtra."""
    transformers = require("transformers", "train")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers


def pin_threads() -> None:
    """Fix the number of CPU threads, so that the same rows train the same weights."""
    require("torch", "train").set_num_threads(THREADS)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Use this many CPU threads inside."""
    torch = require("torch", "train")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def tokenizer(weights: Weights) -> PreTrainedTokenizerBase:
    """Load a model's tokenizer. Raises UserError if it cannot be found or read."""
    loaded: PreTrainedTokenizerBase = _load(library().AutoTokenizer, weights)
    return loaded


def chat_tokenizer(base: Weights) -> PreTrainedTokenizerBase:
    """Load the base's tokenizer; one without a chat template gets the toy model's.

    Raises UserError if it cannot be loaded or has no end token.
    """
    chat = tokenizer(base)
    if chat.eos_token is None:
        raise UserError(
            f"the tokenizer of '{base}' has no end token, so answers cannot end; choose another base"
        )
    chat.chat_template = chat.chat_template or CHAT_TEMPLATE
    if chat.pad_token is None:
        chat.pad_token = chat.eos_token
    return chat


def context(weights: Weights) -> int:
    """Tokens that a model was made to take at most; beyond all texts if its config does not say."""
    config = _load(require("transformers", "train").AutoConfig, weights).get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or 1 << 30)


def causal_lm(weights: Weights, dtype: str = "", adapter: str = "") -> PreTrainedModel:
    """Load a causal language model, on a GPU where there is one, and merge a LoRA folder into it.

    dtype: a name of DTYPES; '' is float32 on a CPU and bfloat16 on a GPU.

    Raises UserError if model or adapter cannot be found or read, or the model does not fit.
    """
    transformers, torch = library(), require("torch", "train")
    if dtype and dtype not in DTYPES:
        raise UserError(f"the dtype of '{weights}' is '{dtype}'; expected {', '.join(DTYPES)}")
    dtype = dtype or ("bfloat16" if torch.cuda.is_available() else "float32")
    model: Any = _load(transformers.AutoModelForCausalLM, weights, dtype=getattr(torch, dtype))
    return _placed(_merged(model, adapter) if adapter else model, weights)


def classifier(weights: Weights, dtype: str, outputs: int | None = 1) -> PreTrainedModel:
    """Load a sequence classifier, on a GPU where there is one.

    dtype: a name of DTYPES. outputs: how many it must have, one as a reward model has; null is any
    number. Code of the model's own is not run.

    Raises UserError if it cannot be found or read, has no such outputs, or does not fit.
    """
    transformers, torch = library(), require("torch", "train")
    model, loaded = _load(
        transformers.AutoModelForSequenceClassification,
        weights,
        dtype=getattr(torch, dtype),
        output_loading_info=True,
    )
    # Without weights of its own the output would be drawn at random.
    if missing := loaded["missing_keys"]:
        raise UserError(
            f"the model '{weights}' is no sequence classifier: it has no weights for {sorted(missing)[0]}"
        )
    if outputs is not None and model.config.num_labels != outputs:
        raise UserError(f"the model '{weights}' has {model.config.num_labels} outputs; expected {outputs}")
    return _placed(model, weights)


def _placed(model: Any, weights: Weights) -> PreTrainedModel:
    torch = require("torch", "train")
    try:
        placed: PreTrainedModel = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    except torch.OutOfMemoryError as error:
        raise UserError(f"the model '{weights}' does not fit on the GPU; choose a smaller one") from error
    return placed


def _merged(model: Any, adapter: str) -> Any:
    peft = require("peft", "train")
    adapter_identity(adapter)
    try:
        return peft.PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"the adapter '{adapter}' cannot be merged into its model: {reason}") from error


def _load(loader: Any, weights: Weights, **options: Any) -> Any:
    safetensors = require("safetensors", "train")
    name, revision = source(weights)
    try:
        return loader.from_pretrained(name, revision=revision, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"the model '{weights}' cannot be loaded as {loader.__name__}: {reason}") from error

"""Checkpoints loaded: tokenizers, causal language models and classifiers, by what names their weights."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import TYPE_CHECKING, Any

from evobuild.core.errors import UserError, require
from evobuild.core.uri import Weights
from evobuild.weights.identities import check_adapter
from evobuild.weights.sources import weights_source

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = ("float32", "bfloat16", "float16")

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


def import_transformers() -> ModuleType:
    """Import transformers, without its progress bars and advice. Raises MissingExtra."""
    # Whatever library unpickles after all is given tensors only, and runs nothing.
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    transformers = require("transformers", "train")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    _leave_out_sklearn(transformers)
    return transformers


def _leave_out_sklearn(transformers: ModuleType) -> None:
    """Make transformers treat scikit-learn as missing, because importing it is slow.

    Else it imports it, a second, for a kind of assisted generation that is not used here.
    """
    if "sklearn" not in sys.modules:
        sys.modules["sklearn"] = None  # type: ignore[assignment]
        transformers.utils.is_sklearn_available()
        del sys.modules["sklearn"]


def load_tokenizer(weights: Weights) -> PreTrainedTokenizerBase:
    """Load a model's tokenizer. Raises UserError if it cannot be found or read."""
    loaded: PreTrainedTokenizerBase = _load(import_transformers().AutoTokenizer, weights)
    return loaded


def load_adapted_tokenizer(weights: Weights, adapter: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer that an adapter was tuned with, chat template and all; the base's if it brings none.

    Raises UserError if it cannot be found or read.
    """
    if not (adapter and Path(adapter, "tokenizer_config.json").is_file()):
        return load_tokenizer(weights)
    loaded: PreTrainedTokenizerBase = _load_from(import_transformers().AutoTokenizer, adapter, None, adapter)
    return loaded


def load_chat_tokenizer(base: Weights) -> PreTrainedTokenizerBase:
    """Load the base's tokenizer; one without a chat template gets the toy model's.

    Raises UserError if it cannot be loaded or has no end token.
    """
    return _able_to_chat(load_tokenizer(base), str(base))


def _able_to_chat(chat: PreTrainedTokenizerBase, name: str) -> PreTrainedTokenizerBase:
    if chat.eos_token is None:
        raise UserError(
            f"the tokenizer of '{name}' has no end token, so answers cannot end; choose another base"
        )
    chat.chat_template = chat.chat_template or CHAT_TEMPLATE
    if chat.pad_token is None:
        chat.pad_token = chat.eos_token
    return chat


def read_context_length(weights: Weights) -> int:
    """Return the context window of a model in tokens; practically infinite if its config lacks it."""
    config = _load(require("transformers", "train").AutoConfig, weights).get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or 1 << 30)


def causal_config(weights: Weights) -> Any:
    """Read a model's config. Raises UserError if it cannot be found or read."""
    return _load(import_transformers().AutoConfig, weights)


def read_stored_dtype(config: Any) -> str:
    """Return the dtype, of DTYPES, of a model's stored weights."""
    name = str(getattr(config.get_text_config(), "dtype", None) or "float32").removeprefix("torch.")
    return name if name in DTYPES else "float32"


def stop_token_ids(weights: Weights) -> list[int]:
    """Return the model's stop tokens, from its generation_config, else from its config."""
    transformers = import_transformers()
    try:
        found = _load(transformers.GenerationConfig, weights).eos_token_id
    except UserError:
        found = getattr(causal_config(weights), "eos_token_id", None)
    return _format_list(found)


def _format_list(tokens: Any) -> list[int]:
    return [] if tokens is None else [tokens] if isinstance(tokens, int) else list(tokens)


def adapter_stop_token_ids(adapter: str) -> list[int]:
    """Return the stop tokens that an adapter adds to its base's; empty if it names none."""
    if not (adapter and Path(adapter, "generation_config.json").is_file()):
        return []
    found = _load_from(import_transformers().GenerationConfig, adapter, None, adapter).eos_token_id
    return _format_list(found)


def load_causal_lm(weights: Weights, dtype: str = "", adapter: str = "") -> PreTrainedModel:
    """Load a causal language model, on a GPU where there is one, and merge a LoRA folder into it.

    dtype: a name of DTYPES; '' is float32 on a CPU and bfloat16 on a GPU.

    Raises UserError if model or adapter cannot be found or read, or the model does not fit.
    """
    torch = require("torch", "train")
    if dtype and dtype not in DTYPES:
        raise UserError(f"the dtype of '{weights}' is '{dtype}'; expected {', '.join(DTYPES)}")
    dtype = dtype or ("bfloat16" if torch.cuda.is_available() else "float32")
    model = read_causal_lm(weights, dtype)
    return _place_model(merge_adapter(model, adapter) if adapter else model, weights)


def read_causal_lm(weights: Weights, dtype: str, **options: Any) -> Any:
    """Read a causal language model and leave it where it is read to. options: of transformers' loader.

    Raises UserError if it cannot be found or read, or reads texts from both sides.
    """
    transformers, torch = import_transformers(), require("torch", "train")
    config = causal_config(weights)
    # Those of two directions have a head for masked tokens, which would be taken for one of the next token.
    if getattr(config, "is_decoder", True) is False and "ForMaskedLM" in str(config.architectures):
        raise UserError(
            f"the model '{weights}' is a {config.architectures[0]}, which reads texts from both sides; "
            "expected a causal language model"
        )
    return _load_model(transformers.AutoModelForCausalLM, weights, dtype=getattr(torch, dtype), **options)


def load_classifier(weights: Weights, dtype: str, outputs: int | None = 1) -> PreTrainedModel:
    """Load a sequence classifier, on a GPU where there is one.

    dtype: a name of DTYPES. outputs: how many it must have, one as a reward model has; null is any
    number. Code of the model's own is not run.

    Raises UserError if it cannot be found or read, has no such outputs, or does not fit.
    """
    transformers, torch = import_transformers(), require("torch", "train")
    model, loaded = _load_model(
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
    return _place_model(model, weights)


def _place_model(model: Any, weights: Weights) -> PreTrainedModel:
    torch = require("torch", "train")
    try:
        placed: PreTrainedModel = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    except torch.OutOfMemoryError as error:
        raise UserError(f"the model '{weights}' does not fit on the GPU; choose a smaller one") from error
    return placed


def merge_adapter(model: Any, adapter: str) -> Any:
    """Merge a LoRA folder into its model. Raises UserError if it does not fit."""
    peft = require("peft", "train")
    check_adapter(adapter)
    try:
        return peft.PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"the adapter '{adapter}' cannot be merged into its model: {reason}") from error


def _load_model(loader: Any, weights: Weights, **options: Any) -> Any:
    """Load weights, of safetensors alone unless the role says otherwise."""
    return _load(loader, weights, use_safetensors=safetensors_option(weights), **options)


def safetensors_option(weights: Weights) -> bool | None:
    """Return the loaders' option: True, or None to allow a pickle if there are no safetensors."""
    return None if weights.pickle else True


def _load(loader: Any, weights: Weights, **options: Any) -> Any:
    return _load_from(loader, *weights_source(weights), str(weights), **options)


def _load_from(loader: Any, name: str, revision: str | None, model: str, **options: Any) -> Any:
    safetensors = require("safetensors", "train")
    try:
        return loader.from_pretrained(name, revision=revision, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, UnpicklingError, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        if "trust_remote_code" in str(error):
            reason = (
                "it needs code of its own (auto_map in its config), and none is run; choose another model"
            )
        raise UserError(f"the model '{model}' cannot be loaded as {loader.__name__}: {reason}") from error

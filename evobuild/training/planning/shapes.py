"""The sizes of a causal language model that decide what its training takes, known before weights are loaded.

Of a model of transformers they are counted on PyTorch's meta device, which allocates nothing; of the toy they
are computed, so that a plan for it imports neither library.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from evobuild.core.errors import UserError, require

if TYPE_CHECKING:
    from transformers import PretrainedConfig

ALL_LINEAR = "all-linear"


class Linear(NamedTuple):
    """A linear layer by its dotted name, such as model.layers.0.self_attn.q_proj; its bias is not counted."""

    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Shape:
    """Sizes of a model.

    parameters: all, tied ones once. active: those that one token meets, fewer only with experts. embedding:
    those of the table that ids are looked up in. intermediate: width of the MLP, of all experts that a token
    meets. linears: all linear layers but the head.
    """

    parameters: int
    active: int
    embedding: int
    vocabulary: int
    tied: bool
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    linears: tuple[Linear, ...]

    @property
    def head(self) -> int:
        """Weights of the layer that gives the logits, its own or the embedding's."""
        return self.vocabulary * self.hidden

    @property
    def layer(self) -> int:
        """Parameters of one layer."""
        outside = self.embedding + (0 if self.tied else self.head)
        return (self.parameters - outside) // self.layers

    @property
    def linear(self) -> int:
        """Weights of all linear layers but the head, which are what QLoRA quantizes."""
        return sum(each.inputs * each.outputs for each in self.linears)


def adapter_parameters(shape: Shape, rank: int, targets: str | Iterable[str] = ALL_LINEAR) -> int:
    """Parameters of LoRA (arXiv:2106.09685): rank · (inputs + outputs) of each adapted layer.

    targets: names of modules as PEFT takes them, the last parts of dotted names; or all linear layers but the
    head.
    """
    return rank * sum(each.inputs + each.outputs for each in find_targeted_linears(shape, targets))


def find_targeted_linears(shape: Shape, targets: str | Iterable[str] = ALL_LINEAR) -> Iterator[Linear]:
    """Linear layers that LoRA adapts, as `adapter_parameters` takes them."""
    if isinstance(targets, str):
        yield from shape.linears
        return
    ends = tuple(f".{target}" for target in targets)
    yield from (each for each in shape.linears if f".{each.name}".endswith(ends))


def model_shape(config: PretrainedConfig) -> Shape:
    """Find the sizes of a causal language model of transformers.

    Raises UserError if transformers has no causal language model of this kind, or none of its sizes.
    """
    torch, transformers = require("torch", "train"), require("transformers", "train")
    text = config.get_text_config()
    try:
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(config)
    except (ValueError, TypeError, AttributeError, RuntimeError, ImportError, KeyError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"'{config.model_type}' gives no causal language model: {reason}") from error
    experts = _experts_of(model, text)
    parameters = sum(each.numel() for each in model.parameters())
    head = model.get_output_embeddings()
    linears = (
        Linear(name, module.in_features, module.out_features)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    )
    heads = text.num_attention_heads
    return Shape(
        parameters=parameters,
        active=parameters - round(experts.all * (1 - experts.share)),
        embedding=model.get_input_embeddings().weight.numel(),
        vocabulary=text.vocab_size,
        tied=head is not None and head.weight is model.get_input_embeddings().weight,
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        intermediate=experts.width,
        heads=heads,
        kv_heads=getattr(text, "num_key_value_heads", None) or heads,
        head_dim=getattr(text, "head_dim", None) or text.hidden_size // heads,
        linears=tuple(linears),
    )


class _Experts(NamedTuple):
    """Parameters of all experts, the share of them that a token meets, and the width of what it meets."""

    all: int
    share: float
    width: int


def _experts_of(model: Any, text: PretrainedConfig) -> _Experts:
    width = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
    chosen = getattr(text, "num_experts_per_tok", None)
    total = getattr(text, "num_local_experts", None) or getattr(text, "num_experts", None)
    if not (chosen and total):
        return _Experts(0, 1.0, width)
    expert = getattr(text, "moe_intermediate_size", None) or width
    held = sum(each.numel() for name, each in model.named_parameters() if ".experts." in name)
    return _Experts(held, chosen / total, chosen * expert)


def llama_shape(
    *,
    vocab_size: int,
    hidden_size: int,
    intermediate_size: int,
    num_hidden_layers: int,
    num_attention_heads: int,
    num_key_value_heads: int,
    tie_word_embeddings: bool,
) -> Shape:
    """Compute the sizes of a Llama without biases, of what its config says, whose heads are hidden / heads
    wide."""
    hidden, width = hidden_size, hidden_size // num_attention_heads
    sizes = {
        "self_attn.q_proj": (hidden, num_attention_heads * width),
        "self_attn.k_proj": (hidden, num_key_value_heads * width),
        "self_attn.v_proj": (hidden, num_key_value_heads * width),
        "self_attn.o_proj": (num_attention_heads * width, hidden),
        "mlp.gate_proj": (hidden, intermediate_size),
        "mlp.up_proj": (hidden, intermediate_size),
        "mlp.down_proj": (intermediate_size, hidden),
    }
    linears = tuple(
        Linear(f"model.layers.{layer}.{name}", *given)
        for layer in range(num_hidden_layers)
        for name, given in sizes.items()
    )
    # Two norms in each layer, and one after the last.
    norms = (2 * num_hidden_layers + 1) * hidden
    tables = (1 if tie_word_embeddings else 2) * vocab_size * hidden
    parameters = sum(each.inputs * each.outputs for each in linears) + tables + norms
    return Shape(
        parameters=parameters,
        active=parameters,
        embedding=vocab_size * hidden,
        vocabulary=vocab_size,
        tied=tie_word_embeddings,
        layers=num_hidden_layers,
        hidden=hidden,
        intermediate=intermediate_size,
        heads=num_attention_heads,
        kv_heads=num_key_value_heads,
        head_dim=width,
        linears=linears,
    )

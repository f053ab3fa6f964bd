"""Every causal language model class of the installed transformers: how its texts are scored and trained.

    python benchmarks/architectures.py [TYPE...]     # TYPE: a model_type, such as llama; all without one
    python benchmarks/architectures.py --write       # the table of docs/architectures.md

Each class is built tiny, with random weights, from its config. What scoring and training make of rows in the
layout that they choose (packed, padded, or alone: evobuild/weights/probe.py) is compared with plain
transformers, one row at a time: losses to 1e-6, and the norm of gradients to 1e-4. A class that the project
refuses is listed with the reason, and so is one that is not built so. On a CPU, in fp32. Prints a line for
each and, last, one JSON object: figure -> {"value", "must", "holds"}.
"""

from __future__ import annotations

import math
import random
import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from figures import Figures
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from evobuild.core.errors import UserError
from evobuild.weights import passes

PAGE = Path(__file__).parent.parent / "docs/architectures.md"
BEGIN, END = "<!-- written by benchmarks/architectures.py --write -->\n", "<!-- end -->\n"
NAMED = (
    "falcon_h1", "gemma2", "gemma3_text", "gpt_oss", "granitemoehybrid", "lfm2", "llama", "mamba2", "mistral",
    "phi3", "qwen2", "qwen3", "qwen3_next",
)  # fmt: skip
"""Those that the tests build."""
WORDS = 128
LARGEST = 20_000_000
"""Weights of a tiny model."""
HEAD = ("| model type | class | scored | trained |", "|---|---|---|---|")
LOSSES, GRADIENTS = 1e-6, 1e-4
"""Relative to plain transformers."""
LENGTHS = (9, 17, 4, 12, 9)
TOKENS = 384
"""Of a pass of scoring, less than it has, for speed."""

SMALL: dict[str, Any] = {
    **dict.fromkeys(("vocab_size",), WORDS),
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "embedding_size", "lru_width"), 64),
    **dict.fromkeys(
        (
            "intermediate_size",
            "ffn_dim",
            "decoder_ffn_dim",
            "encoder_ffn_dim",
            "n_inner",
            "dff",
            "ffn_hidden_size",
            "moe_intermediate_size",
            "shared_expert_intermediate_size",
            "moe_shared_expert_intermediate_size",
            "intermediate_size_mlp",
            "expert_ffn_hidden_size",
            "ffn_intermediate_size",
        ),
        64,
    ),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "num_layers", "n_layers", "decoder_layers"), 4),
    **dict.fromkeys(("encoder_layers",), 1),
    **dict.fromkeys(
        (
            "num_attention_heads",
            "n_head",
            "num_heads",
            "n_heads",
            "decoder_attention_heads",
            "encoder_attention_heads",
        ),
        4,
    ),
    **dict.fromkeys(("num_key_value_heads", "multi_query_group_num", "num_kv_heads", "n_kv_heads"), 2),
    **dict.fromkeys(("head_dim", "global_head_dim", "v_head_dim", "qk_nope_head_dim", "rotary_dim"), 16),
    **dict.fromkeys(("qk_rope_head_dim",), 8),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 32),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 256),
    **dict.fromkeys(
        ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts"), 4
    ),
    **dict.fromkeys(("num_experts_per_tok", "moe_topk", "moe_k", "num_experts_per_token", "top_k"), 2),
    **dict.fromkeys(("n_group", "topk_group", "n_shared_experts", "first_k_dense_replace"), 1),
    **dict.fromkeys(("mamba_n_heads", "mamba_num_heads", "linear_num_value_heads"), 8),
    **dict.fromkeys(("mamba_d_head", "mamba_head_dim", "mamba_d_state", "state_size", "ssm_state_size"), 16),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim"), 16),
    **dict.fromkeys(("linear_num_key_heads",), 4),
    **dict.fromkeys(("mamba_chunk_size", "chunk_size"), 16),
    **dict.fromkeys(("mamba_n_groups", "n_groups"), 1),
    **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), 1),
    **dict.fromkeys(("use_cache",), False),
}
"""Sizes by the names that configs have for them; those that a config has not are left out."""
MIXED = ["conv", "full_attention"] * 2
SHARED: dict[str, Any] = {
    "num_kv_shared_layers": 0,
    "vocab_size_per_layer_input": WORDS,
    "hidden_size_per_layer_input": 8,
}
SHARED |= {"layer_types": ["sliding_attention", "full_attention"] * 2}
OWN: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("gemma3n", "gemma3n_text", "gemma4", "gemma4_text"), SHARED),
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "falcon_h1": {"mamba_d_ssm": 128},
    "lfm2": {"layer_types": MIXED},
    "lfm2_moe": {"layer_types": MIXED},
    "mamba2": {"num_heads": 8},
}
"""What is other for a model type."""


class Held(NamedTuple):
    """The result of a class. scored, trained: layouts; reason: why it is refused, or which check fails."""

    kind: str
    name: str
    scored: str
    trained: str
    off: float
    reason: str

    @property
    def holds(self) -> bool:
        """Whether its losses are those of rows one by one, or it is refused."""
        return self.off <= LOSSES

    @property
    def is_refused(self) -> bool:
        """Return whether it is refused with a reason for the user."""
        return not self.trained


def classes() -> dict[str, str]:
    """The class of each model type that has a causal one."""
    return dict(sorted(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items()))


def tiny_model(kind: str) -> Any:
    """Build a model type tiny, with random weights that are large enough to tell one row from another."""
    config_class = CONFIG_MAPPING[kind]
    known = config_class().get_text_config().to_dict()
    sizes = {name: value for name, value in SMALL.items() if name in known}
    if "qk_rope_head_dim" in known:
        # Of latent attention: positions turn this part of a head, and every head has keys of its own.
        sizes["head_dim"] = SMALL["qk_rope_head_dim"]
        sizes["num_key_value_heads"] = sizes["num_attention_heads"]
    sizes |= OWN.get(kind, {})
    dropped = {name: 0.0 for name, value in known.items() if "drop" in name and isinstance(value, float)}
    noise = {name: 0.0 for name in known if "jitter" in name}
    config = type(config_class().get_text_config())(**sizes | dropped | noise)
    torch.manual_seed(0)
    with torch.device("meta"):
        count = sum(each.numel() for each in _built(config).parameters())
    if count > LARGEST:
        raise ValueError(f"it is not made tiny: {count:,} weights")
    model = _built(config)
    with torch.no_grad():
        for each in model.parameters():
            if each.dim() > 1:
                each.normal_(0.0, 1.2 * each.shape[-1] ** -0.5)
    return model.eval()


def _built(config: Any) -> Any:
    return transformers.AutoModelForCausalLM.from_config(config, attn_implementation=None)


def rows() -> list[dict[str, torch.Tensor]]:
    """Rows of random tokens, all but the first third of each labelled."""
    draw = random.Random(0)
    found = []
    for length in LENGTHS:
        ids = torch.tensor([draw.randrange(5, WORDS) for _ in range(length)])
        labels = ids.clone()
        labels[: length // 3 + 1] = -100
        found.append({"input_ids": ids, "labels": labels})
    return found


def plain_losses(model: Any) -> list[float]:
    """The summed loss of each row by the model's own logits, one row at a time; gradients are added up."""
    found = []
    for row in rows():
        logits = model(input_ids=row["input_ids"][None], use_cache=False).logits[0, :-1]
        loss = torch.nn.functional.cross_entropy(logits.float(), row["labels"][1:], reduction="sum")
        loss.backward()
        found.append(loss.item())
    return found


def train_loss(model: Any) -> tuple[str, float]:
    """What a step of training makes of all rows together: how they are read, and the loss."""
    from trl.trainer import utils

    from evobuild.training.running import reading

    utils._use_triton = lambda device: True
    utils.add_fused_lm_head(model, outputs=("log_probs",))
    found = reading.probe_reading(model, torch.device("cpu"), is_rough=False)
    given = rows()
    batches = [[row] for row in given] if found.layout == "alone" else [given[:3], given[3:]]
    total = 0.0
    for batch in batches:
        micro = reading.lay_out_rows(batch, found.layout)
        with reading.attention_of(model, found.layout):
            loss = -reading.token_log_probs(model, micro.inputs, found.is_fused).sum()
            loss.backward()
        total += loss.item()
    return found.layout + ("" if found.is_fused else ", all logits"), total


def score_losses(model: Any) -> tuple[str, list[float]]:
    """What scoring makes of each row, summed."""
    from evobuild.weights.likelihood import Document, Reader

    passes.TOKENS["cpu"] = TOKENS
    reader = Reader(model)
    spans = [(len(row["input_ids"]) // 3 + 1, len(row["input_ids"])) for row in rows()]
    given = [Document(row["input_ids"].tolist(), (span,)) for row, span in zip(rows(), spans, strict=True)]
    found = dict(reader.read(given))
    return reader.layout, [found[place][0] * (end - first) for place, (first, end) in enumerate(spans)]


def norm(model: Any) -> float:
    """The norm of a model's gradients, which are forgotten."""
    squares = [float(each.grad.double().pow(2).sum()) for each in model.parameters() if each.grad is not None]
    model.zero_grad(set_to_none=True)
    return math.sqrt(math.fsum(squares))


def hold(kind: str) -> Held:
    """Score and train a model type, and hold it to plain transformers."""
    name = classes()[kind]
    try:
        model = tiny_model(kind)
        plain, plain_norm = plain_losses(model), norm(model)
    except Exception as error:  # noqa: BLE001 - whatever a class of another library raises is its row's reason
        return Held(kind, name, "", "", 0.0, f"not built: {said(error)}")
    try:
        scored, losses = score_losses(model)
        model.train()
        trained, total = train_loss(model)
    except UserError as error:
        return Held(kind, name, "", "", 0.0, str(error))
    except Exception as error:  # noqa: BLE001 - likewise, and it does not hold
        return Held(kind, name, "", "", math.inf, f"{type(error).__name__}: {said(error)}")
    off = max(abs(own - each) / abs(each) for own, each in zip(losses, plain, strict=True))
    off_trained = abs(total - math.fsum(plain)) / math.fsum(plain)
    off_norm = abs(norm(model) - plain_norm) / plain_norm
    reason = "" if off_norm <= GRADIENTS else f"gradients {off_norm:.0e}"
    return Held(kind, name, scored, trained, max(off, off_trained, off_norm / GRADIENTS * LOSSES), reason)


def said(error: Exception) -> str:
    """An error's beginning, in a line."""
    return " ".join(str(error).split()).replace("|", "/")[:90] or type(error).__name__


def line_of(held: Held) -> str:
    """A type's line in the table of the docs."""
    cells = held.scored, held.trained
    if held.is_refused:
        is_known = not held.reason.startswith("not ")
        cells = (f"refused: {held.reason}", "refused") if is_known else (held.reason, "not known")
    return f"| `{held.kind}` | `{held.name}` | {' | '.join(cells)} |"


def write(found: list[Held]) -> None:
    """Put the lines of types into the table of the docs, which keeps those of others."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    kept, _, tail = rest.partition(END)
    lines = {line.split("`")[1]: line for line in kept.splitlines() if line.startswith("| `")}
    lines |= {each.kind: line_of(each) for each in found}
    made = [*HEAD, *(lines[kind] for kind in classes() if kind in lines), "", ""]
    PAGE.write_text(head + BEGIN + "\n" + "\n".join(made) + END + tail, encoding="utf-8")


def main() -> None:
    """Take the figures of the model types that the command line names, or of all."""
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    given = [each for each in sys.argv[1:] if each != "--write"]
    found = []
    for kind in given or classes():
        found.append(hold(kind))
        each = found[-1]
        print(
            f"{kind:28} {each.scored or '-':8} {each.trained or '-':20} {each.off:.0e} {each.reason}",
            flush=True,
        )
    if "--write" in sys.argv:
        write(found)
    figures = Figures()
    taken = [each for each in found if not each.is_refused]
    figures.at_least("model types scored and trained", len(taken), len(NAMED), "types")
    figures.at_most("model types refused, with the reason", len(found) - len(taken), len(found), "types")
    wrong = [each.kind for each in found if not each.holds]
    figures.at_most("model types whose losses are not those of rows one by one", len(wrong), 0, "types")
    figures.print()


if __name__ == "__main__":
    main()

"""The model card: what it says, that its examples run, and that no name or licence breaks out of it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import runpy
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import yaml
from workspace import SHIPPED_PARAMS

from evobuild.core import metrics
from evobuild.core.uri import SCRATCH, Weights
from evobuild.core.yaml_files import read_yaml
from evobuild.training.card import card, generating, licences
from evobuild.training.card.card import CardFacts
from evobuild.training.params import Finetune
from evobuild.weights import checkpoints

CURVE: list[dict[str, float | None]] = [
    {"step": 1, "loss": 3.5, "learning_rate": 0.1, "grad_norm": 1.0, "held_out_loss": 3.25},
    {"step": 2, "loss": 2.125, "learning_rate": 0.0, "grad_norm": 1.0, "held_out_loss": None},
]
HOSTILE = "a`b\n---\nlicense: mit\n```\n# <b>|*x*\u202e $(touch x) '\"\x1b[0m"


@pytest.fixture
def facts(tmp_path: Path, label: Path, monkeypatch: pytest.MonkeyPatch) -> CardFacts:
    params = Finetune.model_validate(read_yaml(SHIPPED_PARAMS)["finetune"])
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/training.parquet").write_bytes(b"rows")
    return CardFacts(
        name="toy",
        base=Weights(SCRATCH),
        identity=f"{SCRATCH}#0123abcd",
        params=params,
        random_seed=42,
        data=Path("data/training.parquet"),
        rows=1200,
        rejects={"no room for the answer": 2, "empty answer": 1},
        tokens=54321,
        curve=CURVE,
        label=label,
    )


def written(facts: CardFacts, folder: Path | None = None) -> str:
    folder = folder or Path("tuned")
    folder.mkdir(exist_ok=True)
    card.write_card(folder, facts)
    return (folder / "README.md").read_text(encoding="utf-8")


def front(text: str) -> dict[str, Any]:
    """As the hub's own client finds it."""
    import huggingface_hub

    found: dict[str, Any] = huggingface_hub.ModelCard(text).data.to_dict()
    return found


def blocks(text: str, language: str) -> list[str]:
    """Blocks of code, by the rule that a fence ends at one that is as long."""
    return [found[2] for found in re.finditer(rf"^(`{{3,}}){language}\n(.*?)^\1$", text, re.M | re.S)]


def with_base(facts: CardFacts, base: Weights) -> CardFacts:
    return replace(facts, base=base, identity=f"{base.name}#0123abcd")


def lora(facts: CardFacts, rank: int) -> CardFacts:
    return replace(
        facts,
        params=facts.params.model_copy(update={"lora": facts.params.lora.model_copy(update={"rank": rank})}),
    )


def base_folder(path: Path, **files: str) -> Weights:
    path.mkdir()
    (path / "config.json").write_text("{}")
    for name, text in files.items():
        (path / {"card": "README.md", "file": "LICENSE"}[name]).write_text(text)
    return Weights(path.name)


def test_it_says_what_the_model_is_made_of(facts: CardFacts) -> None:
    text = written(facts)
    assert front(text) == {
        "library_name": "transformers",
        "license": "unknown",
        "pipeline_tag": "text-generation",
        "tags": ["evobuild", "sft"],
    }
    for part in ("0123abcd", hashlib.md5(b"rows").hexdigest(), "1,200", "54,321", "| steps | 2 |"):
        assert part in text
    for part in (
        "loss of the last step | 2.1250",
        "held-out rows, the last | 3.2500",
        "`no room for the answer` | 2",
    ):
        assert part in text
    assert re.search(r"torch \d+\.\d+.*transformers \d+.*trl \d+", text)
    (settings,) = blocks(text, "yaml")
    found = yaml.safe_load(settings)
    assert found["random_seed"] == 42
    assert {"method": "sft", "lora": {"rank": 0}}.items() <= found["finetune"].items()
    assert "dpo" not in found["finetune"]
    assert "DRY RUN" not in text


def test_a_dry_run_says_so(facts: CardFacts) -> None:
    metrics.write_label(facts.label, metrics.DRY_RUN)
    text = written(facts)
    assert "**DRY RUN**" in text
    assert "dry-run" in front(text)["tags"] and "\n# DRY RUN: toy\n" in text
    metrics.write_label(facts.label, "DRY RUN, TOY")
    text = written(facts)
    assert "**DRY RUN, TOY**: " in text
    assert front(text)["tags"][-2:] == ["dry-run", "toy"] and "\n# DRY RUN, TOY: toy\n" in text


def test_the_base_on_the_hub_is_named_to_the_hub_and_a_folder_is_not(facts: CardFacts) -> None:
    assert {"base_model": "org/llama", "base_model_relation": "finetune"}.items() <= front(
        written(with_base(facts, Weights("org/llama")))
    ).items()
    assert "base_model" not in front(written(with_base(facts, base_folder(Path("llama"))), Path("other")))


def test_the_same_facts_give_the_same_bytes_and_no_path_of_this_machine(
    facts: CardFacts, tmp_path: Path
) -> None:
    away = with_base(facts, Weights(str(tmp_path / "elsewhere" / "llama")))
    (tmp_path / "elsewhere" / "llama").mkdir(parents=True)
    one, other = written(away), written(away, tmp_path / "other")
    assert one == other
    assert str(tmp_path) not in one
    assert "| base | `llama` |" in one


def test_a_card_that_a_library_left_is_replaced(facts: CardFacts) -> None:
    Path("tuned").mkdir()
    Path("tuned/README.md").write_text("---\nlibrary_name: peft\n---\nMore Information Needed")
    assert "More Information" not in written(facts)


@pytest.mark.parametrize("kind", ["whole", "adapter", "adapter with stops"])
def test_the_example_runs(facts: CardFacts, kind: str) -> None:
    folder, is_adapter = Path(facts.folder), kind != "whole"
    if is_adapter:
        adapter_of(tiny.folder(), folder)
        facts = lora(facts, 4)
    else:
        shutil.copytree(tiny.folder(), folder)
    if kind == "adapter with stops":
        shutil.copy(tiny.folder() / "generation_config.json", folder)
    text = written(facts, folder)
    (example,) = blocks(text, "python")
    assert ("AutoPeftModelForCausalLM" in example) == is_adapter
    assert ("GenerationConfig" in example) == (kind == "adapter with stops")
    assert front(text)["library_name"] == ("peft" if is_adapter else "transformers")
    said = io.StringIO()
    Path("example.py").write_text(example.replace("=256", "=12"))
    with contextlib.redirect_stdout(said):
        runpy.run_path("example.py")
    assert said.getvalue() == f"{answered()}\n"


def answered() -> str:
    """What the tiny model answers; a new adapter changes nothing of it."""
    tokenizer, asked = tiny.tokenizer(), [{"role": "user", "content": generating.QUESTION}]
    text = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    prompt = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    reply = tiny.model().generate(prompt, max_new_tokens=12, do_sample=False)
    found: str = tokenizer.decode(reply[0, prompt.shape[1] :], skip_special_tokens=True)
    return found


def adapter_of(base: Path, folder: Path) -> None:
    import peft

    model = checkpoints.load_causal_lm(Weights(str(base)))
    config = peft.LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM")
    peft.get_peft_model(model, config).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)


def test_a_merged_adapter_is_named(facts: CardFacts) -> None:
    Path("tuned/adapter").mkdir(parents=True)
    text = written(lora(facts, 4))
    assert "lies in `adapter`" in text
    assert front(text)["library_name"] == "transformers"


def test_vllm_serves_the_folder_and_is_asked_by_its_name(facts: CardFacts) -> None:
    serve, ask = blocks(written(facts), "sh")
    assert shlex.split(serve) == ["vllm", "serve", "models/tuned/toy", "--served-model-name", "toy"]
    *_, option, body = shlex.split(ask)
    assert option == "-d"
    assert json.loads(body)["model"] == "toy"
    assert json.loads(body)["messages"][0]["role"] == "user"


@pytest.mark.parametrize(("rank", "room"), [(8, None), (16, None), (17, "32"), (64, "64"), (400, "512")])
def test_vllm_serves_an_adapter_over_its_base(facts: CardFacts, rank: int, room: str | None) -> None:
    Path("tuned").mkdir()
    Path("tuned/adapter_config.json").write_text("{}")
    pinned = with_base(facts, Weights("owner/base", "v1"))
    text = written(lora(pinned, rank))
    words = shlex.split(blocks(text, "sh")[0].replace("\\\n", " "))
    assert words[:5] == ["vllm", "serve", "owner/base", "--revision", "v1"]
    assert words[6:8] == ["--lora-modules", "toy=models/tuned/toy"]
    assert words[-2:] == ["--chat-template", "models/tuned/toy/chat_template.jinja"]
    assert ("--max-lora-rank" in words) == (room is not None)
    assert room is None or room in words
    assert front(text)["base_model_relation"] == "adapter"
    assert "lora" in front(text)["tags"]


CARDS = {
    "---\nlicense: apache-2.0\ntags: [a]\n---\n# Base": ("apache-2.0", None, None),
    "---\nlicense: [mit]\n---\n": ("mit", None, None),
    "---\nlicense: other\nlicense_name: tongyi\nlicense_link: https://a.b/c\n---\n": ("other", "tongyi", "https://a.b/c"),
    "---\nlicense: other\nlicense_name: own\nlicense_link: LICENSE\n---\n": ("other", "own", None),
    "---\nlicense: other\nlicense_link: 'https://a.b/>\n\n# c'\n---\n": ("other", None, None),
    "# No front matter": ("unknown", None, None),
    "---\nlicense: {a: b}\n---\n": ("unknown", None, None),
    "---\nlicense: !!python/object:os.system ls\n---\n": ("unknown", None, None),
    "---\n[\n---\n": ("unknown", None, None),
    "": ("unknown", None, None),
}  # fmt: skip


@pytest.mark.parametrize("page", CARDS)
def test_the_licence_of_the_base_is_that_of_its_card(facts: CardFacts, page: str) -> None:
    text = written(with_base(facts, base_folder(Path("base"), card=page)))
    assert tuple(front(text).get(key) for key in ("license", "license_name", "license_link")) == CARDS[page]
    assert ("not stated, in its folder" in text) == (CARDS[page][0] == "unknown")


@pytest.mark.parametrize(
    ("text", "identifier", "name"),
    [
        ("\n      Apache License\n   Version 2.0, January 2004\n", "apache-2.0", None),
        ("MIT License\n\nCopyright", "mit", None),
        ("LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\n…", "other", "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT"),
        ("", "unknown", None),
    ],
)
def test_without_a_card_it_is_that_of_its_file(
    facts: CardFacts, text: str, identifier: str, name: str | None
) -> None:
    found = front(written(with_base(facts, base_folder(Path("base"), file=text))))
    assert (found["license"], found.get("license_name")) == (identifier, name)


def test_a_base_of_the_hub_has_that_of_the_hubs_card(
    facts: CardFacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_folder(
        tmp_path / "cached", card="---\nlicense: other\nlicense_name: own\nlicense_link: LICENSE\n---\n"
    )
    monkeypatch.setattr(licences, "weights_source", lambda base: (str(tmp_path / "cached"), None))
    text = written(with_base(facts, Weights("owner/base", "v1")))
    assert front(text)["license_link"] == "https://huggingface.co/owner/base/blob/main/LICENSE"
    assert "| version of the base | `v1` |" in text


def test_a_hub_that_cannot_be_asked_states_nothing(facts: CardFacts) -> None:
    assert front(written(with_base(facts, Weights("owner/base"))))["license"] == "unknown"


def test_names_and_licences_do_not_break_out(facts: CardFacts) -> None:
    page = yaml.safe_dump(
        {"license": HOSTILE.replace("\x1b", ""), "license_name": HOSTILE.replace("\x1b", "")}
    )
    page = f"---\n{page.replace('---', '- - -')}---\n"
    base = base_folder(Path("base"), card=page)
    hostile = replace(
        facts,
        base=Weights(HOSTILE),
        identity=f"{HOSTILE}#1",
        rejects={HOSTILE: 1},
        params=facts.params.model_copy(update={"template": f"{HOSTILE}.jinja"}),
    )
    Path("tuned").mkdir()
    Path("tuned/adapter_config.json").write_text("{}")
    texts = [written(hostile), written(lora(hostile, 8)), written(with_base(facts, base))]
    for text in texts:
        found = front(text)
        assert found["license"] != "mit"
        assert "\n" not in found.get("base_model", "")
        assert [line for line in text.splitlines() if line == "---"] == ["---", "---"]
        assert len(blocks(text, "python")) == 1
        assert len(blocks(text, "sh")) == 2
        assert not set(text) & {"\x1b", "\u202e"}
        headings = [line for line in text.splitlines() if line.startswith("#")]
        assert headings == ["# toy", "## Data", "## Training", "## Licences", "## Use"]
        assert "<b>" not in re.sub(
            r"`[^`]*`", "", re.sub(r"^(`{3,}).*?^\1$", "", text.split("---\n", 2)[2], flags=re.M | re.S)
        )
    assert yaml.safe_load(blocks(texts[0], "yaml")[0])["finetune"]["template"].endswith(".jinja")

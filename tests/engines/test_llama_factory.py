"""Chat templates against LLaMA-Factory's own code, and Mistral's against that of its authors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import llama_factory
import made_tokenizers
import pytest

from evobuild.training.examples import templates
from evobuild.training.params import TEMPLATES

SYSTEMS = [[], [("system", "Be kind.")], [("system", "")]]
TALK = [
    ("user", " Add two.  "),
    ("assistant", "Seven. \n"),
    ("user", "And five? "),
    ("assistant", "The sea. "),
]
TOKENS = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>")


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("kind", made_tokenizers.KINDS)
@pytest.mark.parametrize("name", TEMPLATES)
def test_what_tests_say_of_llama_factory_is_so(monkeypatch, name: str, kind: str, system) -> None:
    """Its ids, turn by turn, and which of them its own processor labels."""
    own = llama_factory.load(monkeypatch, "llamafactory.data.template").TEMPLATES[name]
    supervised = llama_factory.load(monkeypatch, "llamafactory.data.processor.supervised")
    made = made_tokenizers.with_tokens(kind, *TOKENS)
    messages = [{"role": role, "content": content} for role, content in TALK]
    given = system[0][1] if system else None
    expected = llama_factory.encoded(name, made, [*system, *TALK])
    assert [ids for pair in own.encode_multiturn(made, messages, given) for ids in pair] == expected
    settings = SimpleNamespace(cutoff_len=4096, mask_history=False, train_on_prompt=False)
    processor = supervised.SupervisedDatasetProcessor(
        template=own, tokenizer=made, processor=None, data_args=settings
    )
    ids, labels = processor._encode_data_example(messages[:-1], messages[-1:], given, None, [], [], [])
    assert ids == [token for turn in expected for token in turn]
    learnt = [[number % 2 == 1] * len(turn) for number, turn in enumerate(expected)]
    assert [label != -100 for label in labels] == [each for turn in learnt for each in turn]


@pytest.mark.parametrize("system", SYSTEMS[:2])
@pytest.mark.parametrize("turns", [1, 2, 3, 4])
def test_mistral_is_as_its_authors_generate_it(system, turns: int) -> None:
    """But for blank space around answers: the template on the hub trims it, theirs does not."""
    mistral: Any = pytest.importorskip("mistral_common.integrations.chat_templates.template_generator")
    config = mistral.TemplateConfig(version=mistral.TokenizerVersion.v3, spm=True)
    ours, theirs = made_tokenizers.with_tokens("bytes"), made_tokenizers.with_tokens("bytes")
    ours.chat_template = templates.PUBLISHED["mistral"].read_text()
    theirs.chat_template = mistral.build_chat_template(config)
    talk = [(role, content.strip() if role == "assistant" else content) for role, content in TALK[:turns]]
    messages = [{"role": role, "content": content} for role, content in [*system, *talk]]
    texts = [each.apply_chat_template(messages, tokenize=False) for each in (ours, theirs)]
    assert texts[0] == texts[1]

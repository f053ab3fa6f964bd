"""How a tuned model is asked: with transformers, and with vLLM's server."""

from __future__ import annotations

import json
import shlex
from typing import NamedTuple

from evobuild.core.escaping import fenced

VLLM_RANKS = (16, 32, 64, 128, 256, 320, 512)
"""The ranks of adapters that vLLM can make room for; without an option it is the first."""
QUESTION = "Name three colours."
NEW_TOKENS = 256
STOPS = "generation_config.json"
"""Of a model, the tokens at which it stops to write; an adapter alone may lack it."""

_WHOLE = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = {folder}
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, device_map="auto")
"""
_ADAPTER = """\
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer, GenerationConfig

folder = {folder}
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoPeftModelForCausalLM.from_pretrained(folder, device_map="auto")
"""
_STOPS = "model.generation_config = GenerationConfig.from_pretrained(folder)\n"
_ASKING = """\
messages = [{{"role": "user", "content": {question}}}]
prompt = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
).to(model.device)
reply = model.generate(**prompt, max_new_tokens={new_tokens})
print(tokenizer.decode(reply[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))
"""


class Tuned(NamedTuple):
    """A tuned model to be asked. name: that the server gives it. folder: from the root of the repository.

    rank: of the adapter that the folder holds, 0 if it holds a whole model; then base and revision do not
    matter. has_stops: whether it says where it stops.
    """

    name: str
    folder: str
    base: str
    revision: str
    rank: int
    has_stops: bool


def generating_section(tuned: Tuned) -> str:
    """Write the section of a model card on its use."""
    parts = [
        "## Use\n",
        "With transformers, from the root of the repository; of the hub, `folder` is the model's id there:\n",
        fenced("python", _python(tuned)),
    ]
    parts += ["With vLLM, a server with OpenAI's interface:\n", fenced("sh", _serve(tuned))]
    return "\n".join([*parts, "and a question to it:\n", fenced("sh", _ask(tuned))])


def _python(tuned: Tuned) -> str:
    if not tuned.rank:
        example = _WHOLE
    elif tuned.has_stops:
        example = _ADAPTER + _STOPS
    else:
        example = _ADAPTER.replace(", GenerationConfig", "")
    return (example + _ASKING).format(
        folder=json.dumps(tuned.folder), question=json.dumps(QUESTION), new_tokens=NEW_TOKENS
    )


def _serve(tuned: Tuned) -> str:
    name, folder = tuned.name, shlex.quote(tuned.folder)
    if not tuned.rank:
        return f"vllm serve {folder} --served-model-name {shlex.quote(name)}"
    room = next((each for each in VLLM_RANKS if each >= tuned.rank), VLLM_RANKS[-1])
    options = [
        f"--revision {shlex.quote(tuned.revision)}" if tuned.revision else "",
        "--enable-lora",
        f"--lora-modules {shlex.quote(f'{name}={tuned.folder}')}",
        f"--max-lora-rank {room}" if room > VLLM_RANKS[0] else "",
        # The base's own template may be none, or another than the one that the adapter learnt.
        f"--chat-template {shlex.quote(f'{tuned.folder}/chat_template.jinja')}",
        f"--generation-config {folder}" if tuned.has_stops else "",
    ]
    return " \\\n  ".join([f"vllm serve {shlex.quote(tuned.base)}", *filter(None, options)])


def _ask(tuned: Tuned) -> str:
    message = {"role": "user", "content": QUESTION}
    body = json.dumps({"model": tuned.name, "messages": [message], "max_tokens": NEW_TOKENS})
    return (
        "curl http://localhost:8000/v1/chat/completions \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(body)}"
    )

"""The simulated model behind OpenAI's chat protocol: a server such as a user has, which proves nothing.

A prompt says by its first line what it is for; one with an instruction behind a label is an evolving prompt,
and any other is an instruction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from faults import Answer, Body, FaultServer

from evobuild import simulation
from evobuild.core.chat import Message, Purpose, Reply, Request, Sampling

PROMPTS = Path(__file__).parents[2] / "prompts"
TEMPLATES: dict[str, Purpose] = {
    "optimize/analyse": "analyse",
    "optimize/improve": "improve",
    "judge/difficulty_level": "rate_level",
    "judge/difficulty_score": "rate_score",
    "judge/equal": "equal",
    "judge/method_keyword": "keywords",
    "judge/tags": "tag",
    "judge/quality": "quality",
    "autoif/augment": "augment",
    "autoif/verifier": "verifier",
    "autoif/backtranslate": "backtranslate",
}
_NOTES = re.compile(r"\A\{#.*?#\}\s*", re.DOTALL)


def first_line(template: str) -> str:
    """What a prompt begins with, up to its first variable."""
    text = _NOTES.sub("", (PROMPTS / f"{template}.jinja").read_text(encoding="utf-8"))
    return text.partition("\n")[0].partition("{")[0]


SIGNS = {first_line(template): purpose for template, purpose in TEMPLATES.items()}


def purpose_of(prompt: str) -> Purpose:
    """Why a prompt is sent, by its text alone."""
    told = next((purpose for sign, purpose in SIGNS.items() if prompt.startswith(sign)), None)
    return told or ("evolve" if "#Instruction#:\n" in prompt else "respond")


def simulated(body: Body, attempt: int = 0) -> Answer:
    """Answer a call of the chat endpoint as `simulated:small` does."""
    turns = tuple(Message(turn["role"], turn["content"]) for turn in body["messages"])
    last = next((turn.content for turn in reversed(turns) if turn.role == "user"), "")
    sampling = Sampling(
        temperature=body.get("temperature", 0.0),
        top_p=body.get("top_p", 1.0),
        max_tokens=body.get("max_tokens") or body.get("max_completion_tokens") or 2048,
        n=body.get("n", 1),
        seed=body.get("seed", 0),
    )
    reply = simulation.answer("small", Request("call", purpose_of(last), turns, sampling))
    return Answer(json.dumps(_completion(body["model"], reply)).encode(), good=True)


def _completion(model: str, reply: Reply) -> Body:
    written = sum(choice.tokens for choice in reply.choices)
    usage = {"prompt_tokens": reply.prompt_tokens, "completion_tokens": written}
    choices = [
        {
            "index": place,
            "message": {"role": "assistant", "content": choice.text},
            "finish_reason": choice.finish,
        }
        for place, choice in enumerate(reply.choices)
    ]
    return {"id": "1", "object": "chat.completion", "model": model, "choices": choices, "usage": usage}


def chat_server(models: Sequence[str]) -> FaultServer:
    """A server on 127.0.0.1 that has these models; `with` begins and ends it."""
    server = FaultServer(simulated)
    server.listed = [{"id": name, "object": "model", "max_model_len": 8192} for name in models]
    return server

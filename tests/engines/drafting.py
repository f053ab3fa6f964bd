"""Replies of vLLM with drafted tokens, as JSON: python drafting.py <model> <speculative>.

A process of its own: what vLLM loads for drafts keeps it from starting another engine beside them on a CPU.
"""

from __future__ import annotations

import json
import sys

from evobuild.core.chat import Message, Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.models.vllm_engine import VllmEngine

TEXTS = [f"Name {number} colours, red, green and" for number in range(4)]


def greedy(speculative: str, folder: str) -> tuple[int, list[str]]:
    """Answer TEXTS by the most probable tokens; with the tokens that are drafted at a time, 0 for none."""
    engine = VllmEngine(ChatModel("vllm", folder, dtype="float32", speculative=speculative))
    try:
        for text in TEXTS:
            sampling = Sampling(temperature=0.0, max_tokens=16, seed=1)
            engine.submit(Request(text, "respond", (Message("user", text),), sampling))
        replies: dict[str, str] = {}
        while len(replies) < len(TEXTS):
            replies |= {reply.key: reply.choices[0].text for reply in engine.collect()}
        drafting = engine._engine.vllm_config.speculative_config
        return drafting.num_speculative_tokens if drafting else 0, [replies[text] for text in TEXTS]
    finally:
        engine.close()


if __name__ == "__main__":
    folder, drafted = sys.argv[1:]
    sys.stdout.write(f"\n{json.dumps(greedy(drafted, folder))}\n")

"""One side of the comparison of the stage with its engine, in a process of its own.

    python benchmarks/evaluation_runs.py (stage|engine) FOLDER OUT

The folder holds a model and items.jsonl of GSM8K's format. `stage` is all that the stage evaluate does with
them, `engine` the same requests handed to the engine as fast as it takes them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from evobuild.core import tables
from evobuild.core.chat import Request
from evobuild.core.json_files import write_json
from evobuild.core.uri import ChatModel
from evobuild.evaluation.benchmark import Tools
from evobuild.evaluation.benchmarks.gsm8k import GSM8K
from evobuild.evaluation.evaluate import count_evaluation, evaluate_model
from evobuild.evaluation.few_shot import FewShot

TOKENS = 48


def run(side: str, folder: Path, out: Path) -> None:
    """Ask every item."""
    benchmark = GSM8K("gsm8k", FewShot(items=str(folder / "items.jsonl"), max_tokens=TOKENS), 42)
    model = ChatModel("transformers", str(folder))
    (evaluate if side == "stage" else alone)(benchmark, model, out)


def evaluate(benchmark: GSM8K, model: ChatModel, out: Path) -> None:
    """Ask through the chat client and its cache, score, and write the rows."""
    from evobuild.models.client import Model

    tools = Tools(42)
    with Model(model, "evaluated", "evaluate-base") as client:
        found = evaluate_model("base", [benchmark], client, tools)
    tables.write(out / "base.parquet", found.rows)
    write_json(out / "base.json", count_evaluation(found, tools))


def alone(benchmark: GSM8K, model: ChatModel, out: Path) -> None:
    """Submit while there is room, and collect."""
    from evobuild.models.placement import start_engine

    engine = start_engine(model)
    requests = [
        Request(item.id, "evaluate", ask.messages, ask.sampling)
        for item in benchmark.read_items()
        for ask in benchmark.next_requests(item, ())
    ]
    waiting, in_flight = requests[::-1], 0
    while waiting or in_flight:
        while waiting and in_flight < engine.capacity:
            engine.submit(waiting.pop())
            in_flight += 1
        in_flight -= len(engine.collect())
    engine.close()


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))

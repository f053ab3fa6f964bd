"""A line's tables and counts, small, made up and sound, as the contracts' stages read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from workspace import SHIPPED_PARAMS

from evobuild.contracts import output_tables, pool_tables
from evobuild.contracts.line_params import ValidateParams
from evobuild.contracts.output_params import OutputParams
from evobuild.core import tables
from evobuild.core.evaluation_tables import COMPARISONS, CONTAMINATION, EVALUATION
from evobuild.core.instructions import INSTRUCTIONS, PREFERENCES, Instruction, content_id, row_id
from evobuild.core.json_files import write_json
from evobuild.core.measures import BUILT_IN, measure_of
from evobuild.core.reasons import NOT_ANSWERED
from evobuild.core.rejects import OFF, REJECTS
from evobuild.core.yaml_files import read_yaml

ROUNDS = ("r0", "r1", "autoif")
BRANCH_STEPS = ("augment", "verifiers", "crosscheck", "backtranslate", "entailment", "compose", "sample",
                "verify", "quality")  # fmt: skip


def settings(**changes: Any) -> dict[str, Any]:
    """Params with all measures and the branch on. changes: of the section `contracts`."""
    content = read_yaml(SHIPPED_PARAMS)
    content |= {
        "rounds": {"r1": {"parent": "r0"}},
        "pools": {name: {} for name in ROUNDS},
        "branches": {"autoif": {}},
        "models": content["models"] | {"reward": "a/b", "tagger": "simulated:large"},
        "contracts": content["contracts"] | changes,
    }
    return content


def line_params(**changes: Any) -> ValidateParams:
    return ValidateParams.model_validate(settings(**changes))


def output_params(**changes: Any) -> OutputParams:
    return OutputParams.model_validate(settings(**changes))


def row(round: str, number: int, parent: Instruction | None = None) -> Instruction:
    """An answered row, a child of another or a first one."""
    instruction = f"Write down how many rivers of the country {number} you know, and say where each one ends."
    content = content_id((), f"{instruction} {round}", "")
    own = row_id(round, parent.id if parent else "", content)
    strategy = {"r0": "", "autoif": "autoif"}.get(round, "auto")
    return Instruction(
        own, content, parent.seed_id if parent else own, parent.id if parent else "", round, "chat", (),
        f"{instruction} {round}", "", f"I know {number} of them.", strategy, seed_place=number,
    )  # fmt: skip


def made_rows() -> dict[str, list[Instruction]]:
    """Four rows of the seed, a child of each, and two of the branch."""
    seeds = [row("r0", number) for number in range(4)]
    children = [row("r1", number, parent) for number, parent in enumerate(seeds)]
    return {
        "r0": seeds,
        "r1": children,
        "autoif": [row("autoif", number, seeds[number]) for number in (0, 1)],
    }


class Line:
    """Writes the tables of a line into a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.rows = root, made_rows()
        self.answered = self.rows | {"r1": self.rows["r1"][:3]}
        self._write_pools()
        self._write_measures()
        self._write_choice()
        self._write_counts()
        self._write_outputs()

    @property
    def sources(self) -> pool_tables.Sources:
        names = ("rounds", "responses", "measures", "contamination", "preferences", "counts", "rejects")
        places = {name: self.root / name for name in names}
        return pool_tables.Sources(dataset=self.root / "dataset.parquet", **places)

    @property
    def outputs(self) -> output_tables.Sources:
        root = self.root
        return output_tables.Sources(
            root / "evaluation", root / "comparisons.parquet", root / "export", root / "dataset.parquet",
            root / "later",
        )  # fmt: skip

    def write(self, name: str, schema: pl.Schema, rows: list[Any]) -> None:
        path = self.root / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        tables.write(path, tables.frame(schema, rows))

    def count(self, stem: str, content: dict[str, Any], rejects: list[Any], folder: str = "") -> None:
        path = self.root / folder / "counts" / f"{stem}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)
        self.write(f"{folder}/rejects/{stem}".strip("/"), REJECTS, rejects)

    def _write_pools(self) -> None:
        for name in ROUNDS:
            self.write(f"rounds/{name}", INSTRUCTIONS, self.rows[name])
            self.write(f"responses/{name}", INSTRUCTIONS, self.answered[name])
        pairs = [(*each, f"{each.output} Or so.") for each in self.rows["autoif"]]
        self.write("preferences/autoif", PREFERENCES, pairs)

    def _write_measures(self) -> None:
        for name in ROUNDS:
            ids = [each.id for each in self.rows[name]]
            self.write(
                f"measures/ratings/{name}", measure_of("rate").schema, [(own, "hard", 62.5) for own in ids]
            )
            scores = [(each.id, 9, 7, False, 2.0, 1.0, 2.5, 0.4, 0.3, 0.2) for each in self.answered[name]]
            self.write(f"measures/scores/{name}", measure_of("score").schema, scores)
            near = [(own, ids[place - 1], 0.25) for place, own in enumerate(ids)]
            self.write(f"measures/diversity/{name}", measure_of("diversity").schema, near)
            rewards = [(own, -0.5, 20, -0.5) for own in ids] if name == "r1" else []
            self.write(f"measures/rewards/{name}", measure_of("reward").schema, rewards)
            self.write(
                f"measures/tags/{name}", measure_of("tag").schema, [(own, ["rivers", "lists"]) for own in ids]
            )

    def _write_choice(self) -> None:
        hit = self.rows["r1"][0]
        hits = [(f"{hit.id}-13-gram", hit.id, "r1", "held_out", "held[0]", "13-gram", "write down", "its")]
        self.write("contamination/held_out", CONTAMINATION, hits)
        self.chosen = [*self.rows["r1"][1:3], *self.rows["autoif"]]
        columns = [column for measure in BUILT_IN for column in measure.columns if column.in_dataset]
        schema = pl.Schema({**INSTRUCTIONS, **{column.name: column.kind for column in columns}})
        measured = ("hard", 62.5, 9, 7, False, 2.0, 1.0, 2.5, 0.4, 0.3, 0.2, 0.25, -0.5, 20, -0.5, ["rivers"])
        self.write("dataset", schema, [(*each, *measured) for each in self.chosen])

    def _write_counts(self) -> None:
        for step in BRANCH_STEPS:
            self.count(f"{step}-autoif", OFF, [])
        self.count("experience", OFF, [])
        self.count("seed", {"in": 5, "out": 4, "rejects": {"too short": 1}}, [("4", "too short", "", "")])
        for stem, size in {"evolve-r1": 4, "keywords": 2, "rate-r0": 4, "rate-r1": 4, "rate-autoif": 2,
                           "respond-r0": 4, "respond-autoif": 2}.items():  # fmt: skip
            self.count(stem, {"in": size, "out": size, "rejects": {}}, [])
        lost = self.rows["r1"][3].id
        self.count(
            "respond-r1", {"in": 4, "out": 3, "rejects": {"sorry": 1}}, [(lost, "sorry", "", "Sorry.")]
        )
        for stem, sizes in {"score": (4, 3, 2), "diversity": (4, 4, 2), "tag": (4, 4, 2)}.items():
            pools = {
                name: {"in": size, "out": size, "rejects": {}}
                for name, size in zip(ROUNDS, sizes, strict=True)
            }
            self.count(stem, pools | {"asked": []}, [])
        self.count("reward", {"r0": OFF, "r1": {"in": 4, "out": 4, "rejects": {}, "not_evolved": 0}}, [])
        rejects = [(lost, NOT_ANSWERED, "", ""), (self.rows["r1"][0].id, "contaminated", "", "")]
        reasons = {NOT_ANSWERED: 1, "contaminated": 1}
        self.count("select", {"in": 6, "out": 4, "rejects": reasons, "warnings": []}, rejects)

    def _write_outputs(self) -> None:
        for model in ("base", "tuned"):
            replies = [
                (f"gsm8k/{item}/1", model, "gsm8k", item, "", 1, "How many?", "12", 1.0, [], "")
                for item in ("a", "b")
            ]
            self.write(f"evaluation/{model}", EVALUATION, replies)
            self.count(f"evaluate-{model}", {"in": 2, "out": 2, "rejects": {}}, [], "later")
        pairs = [
            (f"gsm8k/{item}", "gsm8k", item, 1, "tuned", "base", "win", True, "", "") for item in ("a", "b")
        ]
        self.write("comparisons", COMPARISONS, pairs)
        self.count("finetune-toy", {"in": 4, "out": 4, "rejects": {}}, [], "later")
        self.count("export", {"in": 4, "out": 4, "rejects": {}}, [], "later")
        (self.root / "export/datasets/data").mkdir(parents=True)
        chosen = sorted(self.chosen)
        lines = [f'{{"id": "{each.id}", "text": "\\"id\\": \\"{"0" * 20}\\""}}' for each in chosen]
        (self.root / "export/messages.jsonl").write_text('{"messages": []}\n' * len(lines))
        (self.root / "export/messages.ids.txt").write_text("".join(f"{each.id}\n" for each in chosen))
        (self.root / "export/prompt_completion.jsonl").write_text("\n".join(lines) + "\n")
        for name in ("alpaca", "sharegpt"):
            (self.root / f"export/{name}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
        (self.root / "dataset.parquet").read_bytes()
        self.write("export/datasets/data/train", INSTRUCTIONS, chosen)

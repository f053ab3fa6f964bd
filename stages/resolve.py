"""Write down what each stage reads under these settings, and remove what is left of removed rounds and pools.

Every stage after it depends on a small file of its own, in which nothing stands that settings switch off.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evobuild.cli.check.params import Params
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.stage import run
from evobuild.process.terminal import log


@dataclass(frozen=True, kw_only=True)
class Arguments:
    values: Path = Path("params.yaml")
    seed: Path = Path("data/counts/seed.json")
    # Its content is told on the card, by its name in params.
    source: Path = Path("${seed.source}")
    # Files that params name, fetched ones among them, count by their content.
    raw: Path = Path("data/raw")
    settings: Out = out("data/settings", persist=True)


STAGE = Stage(
    desc="Write down what each stage reads under these settings, and remove what removed rounds left.",
    after="seed",
    waits_for=(
        "stages",
        "evobuild",
        "${prompts}",
        "requirements.lock",
        "${evolve.file}",
        "${autoif.compose.file}",
        "${autoif.seeds}",
        "data/check.txt",
    ),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.cli.resolve import leftovers, settings
    from evobuild.core.json_files import read_json_file
    from evobuild.core.yaml_files import read_yaml

    unanswered = read_json_file(args.seed)["unanswered"]
    settings.write_settings(args.settings, settings.resolve_settings(args.values, unanswered))
    gone, strange = leftovers.remove_leftovers(settings.stage_instances(read_yaml(args.values)))
    if gone:
        log(f"removed, for they are of no round, pool or set any more: {', '.join(map(str, gone))}")
    if strange:
        log(f"in the way, for stages depend on their folders: {', '.join(map(str, strange))}; move them away")


if __name__ == "__main__":
    run(main)

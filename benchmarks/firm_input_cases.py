"""The cases of firm_input.py: what spoils a sound project, and the command that must say so."""

from __future__ import annotations

import gzip
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import yaml

from evobuild.core.declaration import Out, argument_kinds
from evobuild.core.stages import STAGES

Spoil = Callable[[], None]


class Case(NamedTuple):
    """spoil: run in a copy of the project. words: a stage or `evobuild` with arguments. shell: a line instead."""

    name: str
    spoil: Spoil
    words: tuple[str, ...] = ("check",)
    shell: str = ""


def every_case(sound: Path) -> Iterator[Case]:
    """All cases."""
    yield from wrong_params(yaml.safe_load((sound / "params.yaml").read_text(encoding="utf-8")))
    yield from no_settings()
    yield from wrong_presets()
    yield from wrong_seeds()
    yield from special_files()
    yield from wrong_tables(sound)
    yield from wrong_words()
    yield from wrong_environments()


def nothing() -> None:
    """Spoil nothing."""


def holding(path: str, content: str | bytes) -> Spoil:
    """Let a file hold something."""

    def spoil() -> None:
        Path(path).unlink(missing_ok=True)
        Path(path).write_bytes(
            content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        )

    return spoil


WRONG: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**9 + 1, 10**18, 10**40, 1e300, 1e-300, -0.5, float("nan"), float("inf")),
    *(
        "",
        " ",
        "word",
        "x" * 100_000,
        "../../etc/passwd",
        "/nowhere/x.jsonl",
        "é\u202eb",
        "$(touch x)",
        "a'b",
        "9" * 30,
    ),
    *(
        [],
        {},
        [None],
        [[[]]],
        {"a": {"b": 1}},
        [1, "x"],
        {"": 1},
        ["r1"] * 1000,
        "vllm:",
        "opnai:x@",
        "openai:",
        "@",
    ),
    *(
        "transformers:/nowhere",
        "package:no-module",
        "models/scratch@x",
        "data",
        {"uri": "openai:x", "dtype": "float32"},
    ),
)
"""Values that hardly any key takes."""


def wrong_params(params: dict[str, Any]) -> Iterator[Case]:
    """Each key with each wrong value, or without it, or misspelt."""
    places = list(_places(params))
    for number, place in enumerate(places):
        name = ".".join(place)
        yield Case(f"params without {name}", _changed(params, place, remove=True))
        yield Case(f"params with {name} misspelt", _changed(params, place, misspelt=True))
        # Each key gets a fifth of the values, the next key the next fifth.
        for value in WRONG[number % 5 :: 5]:
            yield Case(f"params with {name} {str(value)[:30]!r}", _changed(params, place, value))


def _places(content: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in content.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from _places(value, (*above, key))


def _changed(
    params: dict[str, Any],
    place: tuple[str, ...],
    value: Any = None,
    remove: bool = False,
    misspelt: bool = False,
) -> Spoil:
    def spoil() -> None:
        content = found = json.loads(json.dumps(params))
        for key in place[:-1]:
            found = found[key]
        if remove:
            del found[place[-1]]
        elif misspelt:
            found[f"{place[-1]}x"] = found.pop(place[-1])
        else:
            found[place[-1]] = value
        text = yaml.dump(content, Dumper=yaml.CSafeDumper, allow_unicode=True)
        Path("params.yaml").write_text(text, encoding="utf-8")

    return spoil


_BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)
)
NO_SETTINGS: dict[str, str | bytes] = {
    "an invalid date": "fetch: 2024-99-99\n",
    "an object": "fetch: !!python/object/apply:os.system [touch x]\n",
    "binary junk": "fetch: !!binary ___\n",
    "a tag": "fetch: !own 3\n",
    "a set": "fetch: !!set {a}\n",
    "an invalid integer": "random_seed: !!int abc\n",
    "a huge integer": f"random_seed: {'1' * 100_000}\n",
    "a large integer": f"random_seed: {'1' * 4000}\n",
    "infinity": "random_seed: .inf\n",
    "an empty hexadecimal": "random_seed: 0x_\n",
    "a sexagesimal": "random_seed: 190:20:30\n",
    "a key twice": "random_seed: 1\nrandom_seed: 2\n",
    "deep flow": f"fetch: {'[' * 3000}{']' * 3000}\n",
    "deep and unclosed": "fetch: " + "{a: " * 100_000,
    "deep blocks": "".join(f"{' ' * n}a:\n" for n in range(1500)),
    "deep dashes": "- " * 3000 + "x\n",
    "billion laughs": _BOMB,
    "merged laughs": _BOMB + "z: {<<: [*a]}\n",
    "itself": "fetch: &x [*x]\n",
    "an unknown alias": "fetch: *x\n",
    "an alias as a key": "a: &x b\n*x : 1\n",
    "a NUL byte": b"random_seed: 1\0\n",
    "an escaped NUL": 'random_seed: "\\0"\n',
    "a control character": "random_seed: \x07\n",
    "an escape": 'evil: "\\e[31m"\n',
    "half a character": 'evil: "\\ud800"\n',
    "UTF-16": "random_seed: 1\n".encode("utf-16"),
    "UTF-16 without a mark": "random_seed: 1\n".encode("utf-16-le"),
    "UTF-32": "random_seed: 1\n".encode("utf-32"),
    "latin-1": "domain: é\n".encode("latin-1"),
    "a tab": "seed:\n\tsource: x\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "empty": "",
    "blank": " \n\n",
    "comments": "# nothing\n",
    "null": "null\n",
    "a list": "- a\n",
    "a word": "word\n",
    "a number as a key": "1: 2\n",
    "a boolean as a key": "on: 2\n",
    "a list as a key": "? [a]\n: 1\n",
    "a merge of a word": "<<: word\n",
    "unclosed": "a: [1\n",
    "badly indented": "a: 1\n b: 2\n",
    "an unclosed quote": "a: 'x\n",
    "a directive": "%YAML 9.9\n---\na: 1\n",
    "JSON": '{"a": 1',
    "huge": "a: 1 # " + "x" * 3_000_000,
    "many values": f"a: [{'1,' * 500_000}1]\n",
    "many keys": "".join(f"k{n}: 1\n" for n in range(90_000)),
    "binary": bytes(range(256)) * 10,
    "gzip": gzip.compress(b"a: 1\n"),
}


def no_settings() -> Iterator[Case]:
    """Invalid files of settings, to replace each file of settings."""
    for name, content in NO_SETTINGS.items():
        yield Case(f"params.yaml: {name}", holding("params.yaml", content))
        yield Case(
            f"presets/own.yaml: {name}", holding("presets/own.yaml", content), ("evobuild", "preset", "own")
        )
        if name not in ("empty", "blank", "comments", "null"):
            yield Case(f"machine.yaml: {name}", holding("machine.yaml", content), ("evobuild", "usage"))
            yield Case(f"machine.yaml, evolve: {name}", holding("machine.yaml", content), EVOLVE)
    for text in (
        *(
            "openai: 3",
            "openai: {concurrency: 0}",
            "openai: {concurrency: 1000000000}",
            "openai: {timeout: .nan}",
        ),
        *(
            "openai: {timeout: 1e300}",
            "openai: {retries: -1}",
            "openai: {base_url: [a]}",
            "vllm: {max_num_seqs: 1e9}",
        ),
        *(
            "vllm: {gpu_memory_utilization: 2}",
            "budget: {calls: -1}",
            "budget: {cost: .inf}",
            "prices: {a: {prompt: 1}}",
        ),
        *(
            "prices: {a: {prompt: -1, completion: 1}}",
            "budgets: {calls: 1}",
            "budget: {calls: 1e30}",
            "prices: [a]",
        ),
    ):
        yield Case(f"machine.yaml: {text}", holding("machine.yaml", f"{text}\n"), EVOLVE)


def wrong_presets() -> Iterator[Case]:
    """Presets whose keys or values would be more than params."""
    for key in (
        "--force",
        "-S",
        "a;touch x",
        "a b",
        "~rounds",
        "+rounds",
        "a=b",
        "$(x)",
        "a\\nb",
        "../x",
        "",
        "Ä",
        ".a",
        "a.",
    ):
        text = f'about: mine\nset: {{"{key}": 1}}\n'
        yield Case(
            f"preset with the key {key!r}", holding("presets/own.yaml", text), ("evobuild", "preset", "own")
        )
    for text in (
        *(
            "about: mine\nset: {a: two words}",
            "about: mine\nset: {a: $(x)}",
            "about: mine\nset: {a: .inf}",
            "set: {a: 1}",
        ),
        *(
            "about: [a]\nset: {a: 1}",
            "about: mine\nset: [a]",
            "about: mine\nextends: own\nset: {a: 1}",
            "about: mine",
        ),
        *(
            "about: mine\nextends: none\nset: {a: 1}",
            "about: mine\nextends: [a]\nset: {a: 1}",
            'about: "a\\e[1m"\nset: {a: 1}',
        ),
        *(
            "about: mine\nset: {a: {'b;c': 1}}",
            "about: mine\nset: {a: ['x y']}",
            "about: mine\nset: {a: 1}\nstet: {}",
        ),
    ):
        yield Case(f"preset {text!r}", holding("presets/own.yaml", text), ("evobuild", "preset", "own"))


LINE = '{"instruction": "Name a river.", "output": "Loire"}\n'
DEEP = '{"instruction": ' + "[" * 100_000 + "]" * 100_000 + "}"
SEEDS: tuple[tuple[str, str | bytes], ...] = (
    *(
        ("a.txt", "x"),
        ("a", "x"),
        ("a.json", ""),
        ("a.jsonl", ""),
        ("a.csv", ""),
        ("a.parquet", ""),
        ("a.jsonl.gz", ""),
    ),
    *(
        ("a.json", "[]"),
        ("a.jsonl", "\n\n"),
        ("a.csv", "instruction,output\n"),
        ("a.json", '{"rows": []}'),
        ("a.json", "42"),
    ),
    *(
        ("a.jsonl", b'{"instruction": "\0"}'),
        ("a.json", "[1]".encode("utf-16")),
        ("a.jsonl", "é".encode("latin-1")),
    ),
    *(
        ("a.jsonl", LINE * 16 + '{"instruction": "x" "y"}'),
        ("a.json", '[{"instruction": "x"}, {"instr'),
        ("a.json", "[{"),
    ),
    *(
        ("a.json", '[{"instruction": "x"}, "y"]'),
        ("a.jsonl", "[1]"),
        ("a.jsonl", "3"),
        ("a.jsonl", "null"),
        ("a.jsonl", "NaN"),
    ),
    *(
        ("a.jsonl", '{"instruction": 3}'),
        ("a.jsonl", '{"instruction": ["x"]}'),
        ("a.jsonl", '{"instruction": " "}'),
    ),
    *(
        ("a.jsonl", '{"instruction": "a", "instruction": "b"}'),
        ("a.json", '[{"instruction": "a",\n"x": {"y": 1, "y": 2}}]'),
    ),
    *(
        ("a.jsonl", '{"text": "x"}'),
        ("a.jsonl", "{}"),
        ("a.jsonl", LINE + '{"question": "x"}'),
        ("a.jsonl", '{"prompt": "x"}'),
    ),
    *(
        ("a.jsonl", '{"messages": [{"role": "wizard", "content": "a"}]}'),
        ("a.jsonl", '{"messages": [{"role": "user"}]}'),
    ),
    *(
        ("a.jsonl", '{"conversations": "x"}'),
        ("a.jsonl", '{"conversations": ["x"]}'),
        ("a.jsonl", '{"messages": [{}]}'),
    ),
    *(
        ("a.jsonl", '{"instruction": "x", "history": [["a"]]}'),
        ("a.jsonl", '{"instruction": "x", "system": 1}'),
    ),
    *(
        ("a.jsonl", '{"instruction": "\\ud83d!"}'),
        ("a.jsonl", DEEP),
        ("a.json", f"[{DEEP}]"),
        ("a.json", "[" * 500_000),
    ),
    *(
        ("a.json", '[{"n": ' + "1" * 5000 + "}]"),
        ("a.parquet", b"PAR1 and nothing"),
        ("a.parquet", b"PAR1" * 500),
    ),
    *(
        ("a.csv", 'instruction,output\nx,"y\nz,w\n'),
        ("a.csv", "instruction,output\nx,y,z\n"),
        ("a.csv", ",,\nx,y,z\n"),
    ),
    *(
        ("a.csv", "instruction,output,output\nx,y,z\n"),
        ("a.csv", "instruction;output\nx;y\n"),
        ("a.csv", 'instruction\n"a"b\n'),
    ),
    *(
        ("a.csv", "instruction\nx\0y\n"),
        ("a.csv", '"instruction'),
        ("a.csv", ",".join(map(str, range(100_000))) + "\n1\n"),
    ),
    *(
        ("a.csv", ",".join(["c"] * 100_000) + "\n1\n"),
        ("a.csv", "text\n" + "1," * 100_000 + "\n"),
        ("a.csv", "\n\n\n"),
    ),
    *(
        ("a.jsonl.gz", LINE),
        ("a.jsonl.gz", gzip.compress(LINE.encode() * 99)[:-9]),
        ("a.jsonl.gz", gzip.compress(b"")[:5]),
    ),
    *(
        ("a.json", json.dumps([{str(n): "x" for n in range(100_000)}])),
        ("a.jsonl", LINE.replace("\n", "") + LINE),
    ),
)


def wrong_seeds() -> Iterator[Case]:
    """Seed files, and the same as evaluation sets and as completions."""
    for name, content in SEEDS:
        spoil, shown = holding(name, content), f"{name} of {content[:40]!r}"
        yield Case(f"seed: {shown}", spoil, ("seed", "--source", name))
        yield Case(
            f"set: {shown}",
            spoil,
            ("evobuild", "contamination", "--rows", "data/raw/sample.jsonl", "--set", f"a={name}"),
        )
        yield Case(f"problems: {shown}", spoil, ("evobuild", "pass-at-k", "--problems", name))
    for content in ("", " \n", b"\xff\xfe", "é".encode("latin-1"), "{instruction}", b"\0\0"):
        yield Case(f"method {content!r}", holding("own.txt", content), (*OWN, "own.txt"))
    for content in ("", "\n \n", b"\xff\xfe", "é".encode("latin-1")):
        yield Case(
            f"constraints {content!r}",
            holding("own.txt", content),
            ("augment", "--branch", "autoif", "--seeds", "own.txt"),
        )


OWN = ("evolve", "--round", "r2", "--parent", "r1", "--own")
EVOLVE = (*OWN, "prompts/evolve/own.txt")


def _socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)


SPECIAL: dict[str, Callable[[str], None]] = {
    "a pipe": os.mkfifo,
    "a folder": os.mkdir,
    "a socket": _socket,
    "a broken link": lambda path: os.symlink("nowhere", path),
    "a link to itself": lambda path: os.symlink(path, path),
    "a link to zeros": lambda path: os.symlink("/dev/zero", path),
    "a link to nothing": lambda path: os.symlink("/dev/null", path),
    "a link to the kernel": lambda path: os.symlink("/proc/kmsg", path),
    "a link to a process": lambda path: os.symlink("/proc/self/environ", path),
    "an empty file": lambda path: Path(path).touch(),
    "a file in a file": lambda path: Path(path).write_bytes(os.urandom(4000)),
}
PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "params.yaml": ("params.yaml", ("check",)),
    "machine.yaml": ("machine.yaml", EVOLVE),
    "preset": ("presets/own.yaml", ("evobuild", "preset", "own")),
    "source": ("a.jsonl", ("seed", "--source", "a.jsonl")),
    "CSV source": ("a.csv", ("seed", "--source", "a.csv")),
    "Parquet source": ("a.parquet", ("seed", "--source", "a.parquet")),
    "compressed source": ("a.json.gz", ("seed", "--source", "a.json.gz")),
    "method": ("own.txt", (*OWN, "own.txt")),
    "constraints": ("own.txt", ("augment", "--branch", "autoif", "--seeds", "own.txt")),
    "prompt": ("prompts/evolve/deepening.jinja", EVOLVE),
    "set": (
        "a.jsonl",
        ("evobuild", "contamination", "--rows", "data/raw/sample.jsonl", "--set", "a=a.jsonl"),
    ),
    "rows": (
        "a.jsonl",
        ("evobuild", "contamination", "--rows", "a.jsonl", "--set", "a=data/raw/sample.jsonl"),
    ),
    "problems": ("a.jsonl", ("evobuild", "pass-at-k", "--problems", "a.jsonl")),
    "table": ("data/rounds/r1.parquet", EVOLVE),
    "answered table": (
        "data/responses/r1.parquet",
        ("decontaminate", "--name", "a", "--evaluation", "data/held_out.parquet"),
    ),
    "replies to import": ("a.parquet", ("evobuild", "cache", "import", "a.parquet")),
    "store": (".evobuild/replies.sqlite", ("evobuild", "cache", "export", "a.parquet")),
    "store of a stage": (".evobuild/replies.sqlite", EVOLVE),
    "lock": ("dvc.lock", ("evobuild", "explain", "0")),
}


def special_files() -> Iterator[Case]:
    """What is no regular file, or holds nothing, wherever a file is read."""
    for where, (path, words) in PLACES.items():
        for kind, make in SPECIAL.items():
            yield Case(f"{where}: {kind}", _placed(path, make), words)
    for path in (
        "/dev/zero",
        "/dev/random",
        "/dev/stdin",
        "/proc/kcore",
        "/proc/self/mem",
        "/sys/kernel/uevent_seqnum",
    ):
        yield Case(f"source {path}", nothing, ("seed", "--source", path))


def _placed(path: str, make: Callable[[str], None]) -> Spoil:
    def spoil() -> None:
        for old in (path, f"{path}-wal", f"{path}-shm"):
            Path(old).unlink(missing_ok=True)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        make(path)

    return spoil


def wrong_tables(sound: Path) -> Iterator[Case]:
    """What every stage reads, spoilt alike."""
    whole = (sound / "data/rounds/r1.parquet").read_bytes()
    frame = pl.read_parquet(sound / "data/rounds/r1.parquet")
    import io as memory

    def table(rows: pl.DataFrame) -> bytes:
        buffer = memory.BytesIO()
        rows.write_parquet(buffer)
        return buffer.getvalue()

    junk = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "without its end": whole[:-4],
        "with other bytes": whole[:100] + os.urandom(500) + whole[600:],
        "text": b"not a table\n",
        "without a column": table(frame.drop("instruction", "id")),
        "of other types": table(frame.with_columns(pl.lit(3).alias("id"), pl.lit(1.5).alias("instruction"))),
        "without rows": table(frame.clear()),
        "JSON": b'{"in": "x", "a": [1, 2',
    }
    import importlib

    for stage in STAGES:
        main = importlib.import_module(f"stages.{stage.name}").main
        kinds = argument_kinds(main)
        read = [name for name, kind in kinds.items() if kind is Path]
        if not read or stage.name in ("finetune", "evaluate", "score", "scratch", "experience"):
            continue
        given = [word for name, kind in kinds.items() if kind is str for word in (f"--{name}", "r1")]
        for name, content in junk.items():
            files = [word for option in read for word in (f"--{option.replace('_', '-')}", "junk.parquet")]
            yield Case(
                f"{stage.name}: tables {name}", holding("junk.parquet", content), (stage.name, *given, *files)
            )


def wrong_words() -> Iterator[Case]:
    """Command lines that do not fit."""
    import importlib

    for stage in STAGES:
        kinds = argument_kinds(importlib.import_module(f"stages.{stage.name}").main)
        names = [f"--{name}" for name, kind in kinds.items() if kind is str]
        yield Case(f"{stage.name}: unknown option", nothing, (stage.name, "--nonsense\n\x1b[31m"))
        yield Case(f"{stage.name}: no params", nothing, (stage.name, "--params", "nowhere.yaml"))
        yield Case(f"{stage.name}: surplus", nothing, (stage.name, "surplus"))
        for bad in ("../x", "R 1", "a;b", "x" * 5000):
            if names:
                words = [word for name in names for word in (name, bad)]
                yield Case(
                    f"{stage.name}: the name {bad[:20]!r}", nothing, (stage.name, *words, *_paths(kinds))
                )
        for bad in ("a\0b", "x" * 5000, "nowhere\n\n\nfile", "\udcff"):
            words = [word for name in names for word in (name, "r1")] + _paths(kinds, bad)
            if len(words) > 2 * len(names):
                yield Case(f"{stage.name}: the path {bad[:20]!r}", nothing, (stage.name, *words))
    for line in (
        *(
            "",
            "nonsense",
            "plan -S",
            "plan -S x",
            "plan -S nonsense=1",
            "plan nonsense",
            "explain",
            "explain nonsense",
            "explain ''",
        ),
        *(
            "preset nonsense",
            "preset ../params",
            "preset a b",
            "compare-selections --examples x",
            "compare-selections",
        ),
        *(
            "compare-selections --examples -1",
            "compare-selections --between a b",
            "compare-selections --between ifd",
        ),
        *(
            "contamination",
            "contamination --rows a",
            "contamination --rows a --set b",
            "contamination --rows a --set b=c",
        ),
        *(
            "usage x",
            "cache",
            "cache nonsense",
            "cache import",
            "cache import nowhere.parquet",
            "cache prune",
            "cache prune --model",
        ),
        *(
            "cache export nowhere/x.parquet",
            "pass-at-k",
            "pass-at-k --problems nowhere",
            "pass-at-k --problems a --k 0",
            "--nonsense",
        ),
        *(
            f"contamination --rows data/raw/sample.jsonl --set a=data/raw/sample.jsonl --ngrams {n}"
            for n in (0, -1, "x", 10**9)
        ),
        *(
            f"pass-at-k --problems data/raw/sample.jsonl --{o}"
            for o in ("k 99999999999", "seconds nan", "memory 1", "seconds 1e300")
        ),
    ):
        yield Case(f"evobuild {line}", nothing, ("evobuild", *(word.strip("'") for word in line.split())))


def _paths(kinds: dict[str, Any], path: str = "") -> list[str]:
    read = [name for name, kind in kinds.items() if kind not in (str, Out)]
    return [word for name in read for word in (f"--{name.replace('_', '-')}", path or f"data/{name}")]


def wrong_environments() -> Iterator[Case]:
    """Environments and streams, each in a process of its own."""
    stage, explain = "python -m stages.check", "python -m evobuild explain 0"
    for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
        for value in ("0", "abc", "-1", "99999999999", "1.5"):
            yield Case(f"{name}={value}", nothing, shell=f"{name}={value} {stage}")
    yield Case("POLARS_MAX_THREADS of a command", nothing, shell=f"POLARS_MAX_THREADS=0 {explain}")
    ascii_only = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"
    for line in (
        stage,
        explain,
        "python -m evobuild preset",
        "python -m evobuild --help",
        "python -m stages.evolve --help",
    ):
        yield Case(f"ASCII {line}", nothing, shell=f"PYTHONIOENCODING=ascii {line}")
        yield Case(f"a locale of ASCII {line}", nothing, shell=f"{ascii_only} {line}")
        yield Case(f"closed output {line}", nothing, shell=f"{line} >&-")
        yield Case(f"all closed {line}", nothing, shell=f"{line} <&- >&- 2>&-; exit 0")
        yield Case(f"nobody reads {line}", nothing, shell=f"{line} | head -0; exit ${{PIPESTATUS[0]}}")
        yield Case(f"a full device {line}", nothing, shell=f"{line} > /dev/full")
    seeds = holding("données.jsonl", LINE)
    yield Case(
        "a path beyond ASCII", seeds, shell=f"{ascii_only} python -m stages.seed --source données.jsonl"
    )

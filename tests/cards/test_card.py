"""The card says what stages left, its front matter is what the hub takes, and others write no markup."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import carded
import pytest
import tiny
from carded import COMMIT, HOSTILE, SEEDS, provenance

from evobuild.cards import licences
from evobuild.cards.citations import list_used_papers
from evobuild.cards.facts import LENGTHS, LEVELS, read_facts
from evobuild.cards.licences import UNKNOWN, find_licences


def rendered(root: Path, **given: Any) -> str:
    root.mkdir(parents=True, exist_ok=True)
    carded.write_card(root / "export", carded.sources(root, **given))
    return (root / "export/README.md").read_text()


def metadata(root: Path) -> dict[str, Any]:
    """The front matter of a rendered card."""
    from huggingface_hub import metadata_load

    return metadata_load(root / "export/README.md") or {}


def section(text: str, name: str) -> str:
    return text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def table(text: str, name: str) -> dict[str, list[str]]:
    """The rows of a section's tables by their first cell."""
    lines = [line for line in section(text, name).splitlines() if line.startswith("| ")]
    rows = [line.strip("|").split(" | ") for line in lines]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return rendered(tmp_path_factory.mktemp("card"))


def test_losses_are_those_that_stages_counted(text: str) -> None:
    found = table(text, "Counts and losses")
    assert found["`seed`"] == ["rows", "9", "6", "1", "exact duplicate 1; 2 held out for evaluation"]
    assert found["`evolve-r1`"] == ["rows", "6", "4", "2", "unchanged 2"]
    assert found["`score`"] == ["rows", "7", "5", "2", "zero loss 2"], "of all pools together"
    assert found["`select`"] == ["rows", "5", "3", "2", "below the cut 2"]


def test_every_role_has_its_model_and_the_version_that_ran(text: str) -> None:
    assert table(text, "Models") == {
        "role": ["model", "version"],
        "evolver": ["`vllm:Qwen/Qwen2.5-7B-Instruct`", f"commit `{COMMIT}`"],
        "responder": ["`openai:gpt-4o`", "nothing was asked of it"],
        "scorer": ["`my/scorer@1234567`", "commit `1234567`"],
    }


@pytest.mark.parametrize(
    ("identity", "version"),
    [
        ("simulated:small#12ab", "simulated, by this project's own code"),
        ("openai:gpt-4o", "not stated by its server"),
        ("transformers:models/own#12ab[dtype=bfloat16]", "content `12ab`, with `dtype=bfloat16`"),
        ("a/b@c0ffee", "commit `c0ffee`"),
        ("", "not recorded"),
    ],
)
def test_a_version_is_what_the_identity_says(tmp_path: Path, identity: str, version: str) -> None:
    found = carded.sources(tmp_path)
    entry = carded.ASKED | {"identity": identity}
    found = found._replace(counts={"evolve-r1": {"in": 0, "out": 0, "rejects": {}, "asked": [entry]}})
    carded.write_card(tmp_path / "export", found)
    assert table((tmp_path / "export/README.md").read_text(), "Models")["evolver"][1] == version


def test_contracts_are_said_with_those_that_are_not_met_first(text: str) -> None:
    said = section(text, "Contracts")
    assert "2 expectations of 2 tables. Not met: 1, listed first." in said
    assert "`max_value 50` | warning | 1 of 3 rows (33.33%) |" in said
    assert "| `rewards` | 0 | 0 | switched off by `models.reward` |" in said


def test_shared_text_is_counted_over_pools(text: str) -> None:
    assert table(text, "Contamination")["`gsm8k`"] == ["13-gram", "1,319", "1 of 7"]


def test_params_prompts_files_and_the_choice_are_said(text: str) -> None:
    assert table(text, "Params") == {"param": ["value", "shipped"], "`select.share`": ["`0.1`", "`0.25`"]}
    assert "| `prompts/evolve/e0.jinja` | `0cc1` |" in text and "torch 2.13.0" in text
    assert f"| `{SEEDS}` | md5 77aa |" in text
    said = section(text, "How rows were chosen")
    assert "the share 0.25 of each pool: the best by ic_ifd" in said and "| `r0` | 2 |" in said


def test_the_folder_of_prompts_is_said_with_a_digest_and_none_outside_by_its_place(tmp_path: Path) -> None:
    text = rendered(tmp_path)
    digest = carded.provenance().prompt_digest
    assert f"From the folder `prompts`; digest of these templates: `{digest}`." in text
    params = carded.provenance().params | {"prompts": "/home/me/published"}
    made = carded.provenance(params=params, prompts={"/home/me/published/evolve/e0.jinja": "0cc1"})
    carded.write_card(tmp_path / "other", carded.sources(tmp_path)._replace(made=made))
    text = section((tmp_path / "other/README.md").read_text(), "Prompts")
    assert f"From the folder `published`; digest of these templates: `{digest}`." in text
    assert "| `published/evolve/e0.jinja` | `0cc1` |" in text and "/home/me" not in text


def test_the_data_set_is_found_again_by_its_md5(tmp_path: Path) -> None:
    text = rendered(tmp_path)
    md5 = hashlib.md5((tmp_path / "dataset.parquet").read_bytes()).hexdigest()
    assert f"git log --format=%H -S{md5} -- dvc.lock | tail -n 1" in text


def test_figures_of_rows_are_those_of_the_table(tmp_path: Path) -> None:
    facts = read_facts(carded.sources(tmp_path).dataset)
    assert (facts.rows, facts.rounds, facts.languages) == (3, {"r0": 2, "r1": 1}, {"en": 2, "es": 1})
    assert facts.lengths["output"] == (18, 100), "characters of: The Nile.; Ebro, Tajo, Duero.; x * 100"
    bins = dict(zip(LENGTHS, facts.length_bins["output"], strict=False))
    assert bins[0] == 1 and bins[16] == 1 and bins[64] == 1 and sum(bins.values()) == 3
    assert dict(zip(LEVELS, facts.difficulty_bins, strict=False))[40] == 3
    assert facts.size_category == "n<1K"


@pytest.mark.parametrize(
    ("label", "tags"), [("DRY RUN", ["dry-run"]), ("DRY RUN, TOY", ["dry-run", "toy"]), ("", [])]
)
def test_what_is_no_result_says_so_in_its_title(tmp_path: Path, label: str, tags: list[str]) -> None:
    text = rendered(tmp_path, label=label)
    title = next(line for line in text.splitlines() if line.startswith("# "))
    assert title == f"# {label}: Evolved instructions from own.jsonl".replace("# : ", "# ")
    assert (f"**{label}**: " in text) is bool(label)
    found = metadata(tmp_path)
    assert found["tags"][4:] == tags and found["pretty_name"] == title[2:]


def test_the_front_matter_is_what_the_hub_reads(tmp_path: Path) -> None:
    """As huggingface_hub writes it; it asks the hub itself to validate, which needs the network."""
    from huggingface_hub import DatasetCardData

    rendered(tmp_path, label="DRY RUN", licence="cc-by-4.0")
    found = metadata(tmp_path)
    assert DatasetCardData(**found).to_dict() == found
    assert (found["license"], found["size_categories"], found["language"]) == (
        "cc-by-4.0",
        ["n<1K"],
        ["en", "es"],
    )


@pytest.mark.parametrize(("formats", "names"), [(carded.ALL, ["sft"]), (carded.ALL[:-1], carded.ALL[:-1])])
def test_load_dataset_finds_the_table_or_else_each_format(tmp_path: Path, formats, names) -> None:
    """All configs of a folder are read alike, so the files of JSON are none beside the table."""
    import datasets

    datasets.disable_progress_bars()
    folder, cache = tmp_path / "export", str(tmp_path / "cache")
    carded.write_card(folder, carded.sources(tmp_path, formats=formats)._replace(lost=0))
    assert sorted(datasets.get_dataset_config_names(str(folder))) == sorted(names)
    for name in names:
        assert datasets.load_dataset(str(folder), name, cache_dir=cache)["train"].num_rows == 3, name
    opened = datasets.load_dataset(str(folder), cache_dir=cache)["train"].column_names
    assert ("difficulty" in opened) is (names == ["sft"]), "the first is the default"


def test_a_licence_that_the_hub_does_not_know_has_its_name_beside_it(tmp_path: Path) -> None:
    rendered(tmp_path, licence="my-terms-1.0")
    found = metadata(tmp_path)
    assert (found["license"], found["license_name"]) == ("other", "my-terms-1.0")
    assert {licence for _, licence in licences._MODELS} - licences.HUB_LICENCES == {
        "qwen-research", "qwen", "openai-terms",
    }  # fmt: skip


ALPACA = {SEEDS: "dfb72bdd9dc3608d6a7f674532987f6b"}
QWEN = "vllm:Qwen/Qwen2.5"
NC = "cc-by-nc-4.0"


def test_a_non_commercial_seed_is_said_in_the_first_lines(tmp_path: Path) -> None:
    text = rendered(tmp_path, made=provenance(files=ALPACA))
    lines = text.partition("\n# ")[2].splitlines()[:6]
    assert lines[2] == f"**For no commercial use**: the seed data, `{SEEDS}`, is under `cc-by-nc-4.0`."
    assert "no commercial use" not in rendered(tmp_path / "other", licences={SEEDS: "mit"})


@pytest.mark.parametrize(
    ("files", "models", "declared", "stated", "of_data"),
    [
        ({}, {}, {}, {"seed data": UNKNOWN}, UNKNOWN),
        (ALPACA, {}, {}, {"seed data": NC}, NC),
        ({}, {}, {SEEDS: "cc-by-4.0"}, {"seed data": "cc-by-4.0"}, "cc-by-4.0"),
        (ALPACA, {"evolver": f"{QWEN}-7B-Instruct@abc"}, {}, {"evolver": "apache-2.0"}, NC),
        (ALPACA, {"evolver": f"{QWEN}-3B-Instruct"}, {}, {"evolver": "qwen-research"}, UNKNOWN),
        (ALPACA, {"judge": "openai:gpt-4o-2024-08-06"}, {}, {"judge": "openai-terms"}, NC),
        (ALPACA, {"responder": "openai:own-model"}, {}, {"responder": UNKNOWN}, UNKNOWN),
        (ALPACA, {"responder": "openai:own-model"}, {"own-model": "mit"}, {"responder": "mit"}, NC),
        ({}, {"scorer": "models/scratch"}, {SEEDS: "mit"}, {"scorer": "none"}, "mit"),
        ({}, {"evolver": "simulated:small"}, {SEEDS: "mit"}, {"evolver": "none"}, "mit"),
        ({}, {"scorer": {"uri": "a/b@c", "adapter": "lora"}}, {"a/b": "mit"}, {"scorer": "mit"}, UNKNOWN),
    ],
)  # fmt: skip
def test_a_licence_is_declared_or_known_or_unknown(files, models, declared, stated, of_data) -> None:
    made = provenance(files={SEEDS: "77aa"} | files)
    made.params["models"] = models
    found = find_licences(made, declared)
    assert stated.items() <= {each.part: each.licence for each in found}.items()
    assert licences.derive_data_licence(found, None) == of_data
    assert licences.derive_data_licence(found, "odbl") == "odbl"


def test_a_fetched_seed_is_known_by_its_place_on_the_hub() -> None:
    made = provenance(files={"data/raw/talk.parquet": "77aa"})
    made.params["seed"] = made.params["seed"] | {"source": "data/raw/talk.parquet"}
    made.params["fetch"] = {"talk": {"hub": "tatsu-lab/alpaca", "revision": COMMIT}}
    assert (made.seed_source, made.seed_revision) == ("tatsu-lab/alpaca", f"revision {COMMIT}")
    assert find_licences(made, {})[0].licence == "cc-by-nc-4.0"


def test_the_shipped_sample_is_known() -> None:
    md5 = hashlib.md5(Path("data/raw/sample.jsonl").read_bytes()).hexdigest()
    assert licences._SEEDS_BY_MD5[md5] == "apache-2.0"


def test_papers_are_those_of_what_took_part() -> None:
    made = provenance()
    made.params["models"] = {}
    assert [paper.number for paper, _ in list_used_papers(made)] == ["2406.00770", "2304.12244", "2412.11231"]
    made.params["evolve"] = made.params["evolve"] | {"strategy": "evol", "failures": {"markers": False}}
    made.params["select"] = made.params["select"] | {"by": "ifd", "diversity_filter": 0.1}
    made.params["pools"] = {"autoif": {}}
    assert dict((paper.number, what) for paper, what in list_used_papers(made)) == {
        "2304.12244": "evolving by fixed operations",
        "2406.13542": "instructions that code verifies",
        "2308.12032": "choice of rows by ifd",
        "2312.15685": "the diversity filter",
    }


def test_what_others_wrote_is_no_markup_and_no_text_of_a_row_enters(tmp_path: Path) -> None:
    made = provenance(files={HOSTILE: "77aa"}, changed={HOSTILE: {"value": HOSTILE, "default": HOSTILE}})
    made.params["seed"] = made.params["seed"] | {"source": HOSTILE}
    made.params["models"] = {"evolver": f"openai:{HOSTILE}"}
    row = tiny.row(instruction=HOSTILE, output=HOSTILE, domain=HOSTILE, evolver=f"openai:{HOSTILE}")
    whole = rendered(tmp_path, rows=[row], made=made)
    assert "<script" not in whole and "</script" not in whole, "nor in the front matter"
    text = whole.partition("\n---\n")[2]
    outside = "".join(text.split("```")[::2])
    between_spans = "".join(outside.split("`")[::2])
    own = ("<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>")
    for known in own:
        between_spans = between_spans.replace(known, "")
    assert "<" not in between_spans
    assert not [line for line in text.splitlines() if line.startswith("# {{")]


def test_where_a_file_lies_outside_the_repository_is_not_said(tmp_path: Path) -> None:
    made = provenance(files={"/home/me/own.jsonl": "77aa"})
    made.params["seed"] = made.params["seed"] | {"source": "/home/me/own.jsonl"}
    made.params["models"] = {"evolver": "transformers:/home/me/model"}
    text = rendered(tmp_path, made=made)
    assert "/home/me" not in text and "`transformers:model`" in text and "`own.jsonl`" in text


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        rendered(tmp_path / name)
    for path in (tmp_path / "one/export").rglob("*.*"):
        other = tmp_path / "two/export" / path.relative_to(tmp_path / "one/export")
        assert path.read_bytes() == other.read_bytes(), path.name
    assert sorted(path.name for path in (tmp_path / "one/export/images").iterdir()) == [
        "difficulty.png",
        "lengths.png",
    ]


def test_a_data_set_without_rows_has_a_card(tmp_path: Path) -> None:
    assert "0 answered instructions" in rendered(tmp_path, rows=[])

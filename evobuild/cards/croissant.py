"""Describe a dataset in Croissant 1.0, `data/export/croissant.json`: JSON-LD for tools that load data.

Files with their sizes and SHA-256, the columns of the Parquet table as a record set, licence, citations, and
what is known of the collection in the words of Croissant's vocabulary for responsible AI (RAI 1.0). Sources:
docs.mlcommons.org/croissant/docs/croissant-spec.html and croissant-rai-spec.html.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from evobuild.cards import origin
from evobuild.cards.card import Described
from evobuild.cards.citations import list_used_papers
from evobuild.cards.dataset_info import file_sha256
from evobuild.cards.results import SFT, TRAIN, find_meaning
from evobuild.core.metrics import explain_label

_NAMES = """
citeAs column equivalentProperty extract field fileProperty fileObject fileSet format includes isLiveDataset
jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source
subField transform
"""
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in _NAMES.split()},
}
"""The specification's own."""
_CONFORMS = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
_FORMATS = {
    ".parquet": "application/x-parquet",
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".txt": "text/plain",
    ".png": "image/png",
}
_OWN = ("README.md", "croissant.json")
"""Files of the folder that describe the others."""


def write_croissant(folder: Path, found: Described) -> None:
    """Describe the files of a folder of exports, into the same folder."""
    content = croissant(folder, found)
    # Hubs put it into a script of their pages, which `</script>` would end.
    text = json.dumps(content, indent=2, ensure_ascii=False).replace("<", "\\u003c") + "\n"
    (folder / "croissant.json").write_text(text, encoding="utf-8")


def croissant(folder: Path, found: Described) -> dict[str, Any]:
    """Describe the files of a folder of exports."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in _OWN)
    # Hashing lets other threads run.
    with ThreadPoolExecutor() as pool:
        distribution = list(pool.map(lambda path: _file(folder, path), files))
    papers = list_used_papers(found.sources.made)
    content: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS,
        "name": found.name,
        "description": f"{found.summary}.",
        "license": _licence_link(found.licence),
        "version": f"0.0.0+{found.md5}",
        "inLanguage": list(found.facts.languages),
        "keywords": found.tags,
        "isLiveDataset": False,
        "citeAs": "\n".join(paper.bibtex for paper, _ in papers),
        **_responsible(found),
        "distribution": distribution,
        "recordSet": [_record_set(found)] if (folder / TRAIN).exists() else [],
    }
    return {key: value for key, value in content.items() if value not in ("", [])}


def _file(folder: Path, path: Path) -> dict[str, Any]:
    name = path.relative_to(folder).as_posix()
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": _FORMATS.get(path.suffix, "application/octet-stream"),
        "sha256": file_sha256(path),
    }


def _record_set(found: Described) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": SFT,
        "name": SFT,
        "description": "The rows with all columns.",
        "key": {"@id": f"{SFT}/id"},
        "field": [_field(name, kind) for name, kind in found.facts.columns.items()],
    }


def _field(name: str, kind: Any) -> dict[str, Any]:
    inner = kind.inner if isinstance(kind, pl.List) else kind
    source = {"fileObject": {"@id": TRAIN}, "extract": {"column": name}}
    field: dict[str, Any] = {"@type": "cr:Field", "@id": f"{SFT}/{name}", "name": name}
    field |= {"description": find_meaning(name)} | ({"repeated": True} if isinstance(kind, pl.List) else {})
    if not isinstance(inner, pl.Struct):
        return field | {"dataType": _data_type(inner), "source": source}
    parts = [
        {
            "@type": "cr:Field",
            "@id": f"{SFT}/{name}/{part.name}",
            "name": part.name,
            "dataType": _data_type(part.dtype),
            "source": source | {"transform": {"jsonPath": part.name}},
        }
        for part in inner.fields
    ]
    return field | {"subField": parts}


def _data_type(kind: Any) -> str:
    if kind == pl.Boolean:
        return "sc:Boolean"
    if kind.is_integer():
        return "sc:Integer"
    return "sc:Float" if kind.is_float() else "sc:Text"


def _responsible(found: Described) -> dict[str, Any]:
    """Describe how the data were made, in RAI terms; aspects that were not examined are left out."""
    label = found.sources.label
    wrote = ", ".join(origin.writers(found.sources.made)).replace("`", "") or "none"
    parts = [f"{each.part} {origin.shorten_path(each.name)}: {each.licence}" for each in found.stated]
    limits = [explain_label(label)] if label else []
    seed = origin.shorten_path(found.stated[0].name)
    return {
        "rai:dataCollection": (
            f"Instructions of the seed data {seed} were evolved and answered by models ({wrote}), measured, "
            "and chosen from; README.md says how."
        ),
        "rai:dataCollectionType": ["Others: written by language models from seed data"],
        "rai:dataLimitations": limits,
        "rai:dataUseCases": ["instruction tuning of language models"],
        "rai:machineAnnotationTools": [
            f"{role} {origin.shorten_model(model)}"
            for role, model in found.sources.made.models.items()
            if role in ("judge", "scorer", "embedder", "reward", "tagger")
        ],
        "copyrightNotice": f"Licences: {'; '.join(parts)}.",
    }


def _licence_link(licence: str) -> str:
    """A licence as its page where SPDX or Creative Commons has one, else by its name."""
    if licence.startswith("cc-by"):
        kind, _, version = licence.removeprefix("cc-").rpartition("-")
        return f"https://creativecommons.org/licenses/{kind}/{version}/"
    known = {"apache-2.0": "Apache-2.0", "mit": "MIT", "cc0-1.0": "CC0-1.0"}
    return f"https://spdx.org/licenses/{known[licence]}.html" if licence in known else licence

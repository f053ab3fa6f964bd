"""The front matter's `dataset_info`: of each config its columns, rows, sizes, and a digest of its file.

`datasets.load_dataset` names a folder's data in its cache by a hash of `configs` and `dataset_info` in the
card, and does not look at the files. Two builds whose cards agree would be one to it, so a digest tells them
apart. It is in `description`, a field of `datasets.DatasetInfo` that is part of the hash. A reader has it as
`dataset.info.description`. `load_dataset` counts the rows again, and refuses a file with another count.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import polars as pl
from polars.datatypes import DataTypeClass

from evobuild.export.formats import Format


def parquet_info(name: str, file: Path) -> dict[str, Any]:
    """Describe a config that is a Parquet file."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as opened:
        found = opened.metadata
        plain_bytes = sum(found.row_group(group).total_byte_size for group in range(found.num_row_groups))
        rows = found.num_rows
    # Arrow's large types, as polars writes texts and lists.
    features = _features(pl.Schema(pl.read_parquet_schema(file)), "large_string", "large_list")
    return _info(name, file, features, rows, plain_bytes)


def json_info(name: str, file: Path, layout: Format, rows: int, with_extra: bool) -> dict[str, Any]:
    """Describe a config that is a file of one of the formats. rows: it has."""
    features = _features(layout.columns(with_extra), "string", "list")
    return _info(name, file, features, rows, file.stat().st_size)


def file_sha256(file: Path) -> str:
    """Hash a file, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _info(name: str, file: Path, features: list[Any], rows: int, plain_bytes: int) -> dict[str, Any]:
    """Lay out an entry. plain_bytes: of the columns, not compressed."""
    return {
        "config_name": name,
        "description": f"sha256:{file_sha256(file)}",
        "features": features,
        "splits": [{"name": "train", "num_bytes": plain_bytes, "num_examples": rows}],
        "download_size": file.stat().st_size,
        "dataset_size": plain_bytes,
    }


def _features(schema: pl.Schema, text: str, many: str) -> list[dict[str, Any]]:
    """Columns as `datasets.Features` has them in YAML. text, many: its names of strings and lists."""
    return [{"name": name} | _name_feature(_feature(kind, text, many)) for name, kind in schema.items()]


def _name_feature(feature: Any) -> dict[str, Any]:
    return feature if isinstance(feature, dict) else {"dtype": feature}


def _feature(kind: pl.DataType | DataTypeClass, text: str, many: str) -> Any:
    if isinstance(kind, pl.List):
        return {many: _feature(kind.inner, text, many)}
    if isinstance(kind, pl.Struct):
        fields = {field.name: field.dtype for field in kind.fields}
        return _features(pl.Schema(fields), text, many)
    named: dict[pl.DataType | DataTypeClass, str] = {pl.String(): text, pl.Boolean(): "bool"}
    return named.get(kind, str(kind).lower())

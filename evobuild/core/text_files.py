"""Open and decode users' text files; every fault is a BadInput with file and line.

The expansion of a compressed file is limited to a multiple of its size, so that a few kilobytes never fill
memory or disk.
"""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from evobuild.core.errors import BadInput

MOST_TIMES = 200
"""Times its own size that a file may expand to; text shrinks to a tenth or so, gzip's best is 1,032."""
LEAST_BYTES = 1 << 20
"""Bytes that any compressed text may expand to."""


def too_large(path: Path) -> BadInput:
    """Say that a file is far larger inside than on disk."""
    return BadInput(
        f"{path}: {path.stat().st_size:,} bytes that expand to far more than {MOST_TIMES} times as much; "
        "expected a data file; if it is one, give it uncompressed"
    )


class _Expanding(io.RawIOBase):
    """What a gzip file holds, as far as it expands to no more than what was read of it may."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._inside = gzip.GzipFile(fileobj=self._file)
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._inside.read(len(buffer))
        buffer[: len(data)] = data
        self._given += len(data)
        if self._given > LEAST_BYTES + MOST_TIMES * self._file.tell():
            raise too_large(self._path)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _open(path: Path) -> BinaryIO:
    if path.suffix.lower() != ".gz":
        return path.open("rb")
    return cast(BinaryIO, io.BufferedReader(_Expanding(path), 1 << 16))


def special_kind(path: Path) -> str:
    """Say what a path is that must not even be opened, '' for files and folders, and where nothing is.

    A pipe or a device may never end, and in /proc and /sys a read may do anything.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    except ValueError:
        return "is no path, with a character that none can have"
    if path.resolve().parts[:2] in (("/", "proc"), ("/", "sys")):
        return "is a file of the system's"
    kinds = {stat.S_IFIFO: "is a pipe", stat.S_IFSOCK: "is a socket"}
    kinds |= dict.fromkeys((stat.S_IFCHR, stat.S_IFBLK), "is a device")
    return kinds.get(stat.S_IFMT(mode), "")


@contextmanager
def opened_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, through gzip if it is named .gz; what the system refuses becomes BadInput."""
    if found := special_kind(path):
        raise BadInput(f"{path}: {found}; expected a data file that can be read")
    try:
        with _open(path) as file:
            yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise BadInput(f"{path}: is no whole gzip file: {error}; compress it again") from None
    except OSError as error:
        common = {
            errno.ENOENT: "no such file",
            errno.EISDIR: "is a folder",
            errno.EACCES: "permission denied",
        }
        found = common.get(error.errno or 0, f"cannot be read ({error.strerror})")
        raise BadInput(f"{path}: {found}; expected a data file that can be read") from None


def read_text(path: Path) -> str:
    """Read a whole file of text, its line ends as "\\n". Raises BadInput if it is not there or not UTF-8."""
    with opened_file(path) as file:
        return decode_utf8(file.read(), path).replace("\r\n", "\n").replace("\r", "\n")


def decode_utf8(data: bytes, path: Path, line: int = 1, offset: int = 0) -> str:
    """Decode UTF-8, without its byte order mark.

    line and offset: where data begins in the file, line from 1, offset from 0 in bytes.

    Raises BadInput with the line and the offset of the first byte that is not text in UTF-8.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadInput(f"{path.name}:{line}: is UTF-16, see the byte order mark; save it as UTF-8")
    at = data.find(0)
    if at < 0:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            at = len(data) - len(error.object) + error.start
    what = f"byte 0x{data[at]:02x}, not UTF-8," if data[at] else "a NUL byte"
    place = f"{path.name}:{line + data.count(10, 0, at)}"
    raise BadInput(f"{place}: {what} at offset {offset + at} of the file; save it as UTF-8 text")

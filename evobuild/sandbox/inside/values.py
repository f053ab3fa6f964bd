"""Plain values as text: what a sandbox may answer, and nothing that could act.

JSON, with an object of one key for what JSON has not: {"tuple": […]}, {"set": […]}, {"frozenset": […]},
{"dict": [[key, value], …]}, {"bytes": latin-1 text}, {"complex": [real, imaginary]}, {"float": "nan"},
and, to an examiner only, {"range": [start, stop, step]}, {"iterator": […]}, {"opaque": […]} (see runner.py).

Encoding runs beside code that may have changed anything: it uses no method of the value's own class,
and forging what it writes is no more than returning another value. Decoding makes values only.
"""

from __future__ import annotations

from _json import encode_basestring_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

quoted = encode_basestring_ascii
"""Text as a string of JSON."""

Plain: TypeAlias = object
"""None, bool, int, float, complex, str, bytes, and list, tuple, set, frozenset and dict of them."""

COLLECTIONS = (tuple, set, frozenset, dict)
ITERATORS = (type(_ for _ in ()), map, zip, filter, reversed, enumerate)
VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))


MANY = 2000
"""Entries of a set or dict that are answered."""

ALIKE = 64
"""Entries of a set or dict with one hash: what collides by chance is fewer. Numbers can be chosen so that all
collide, and to tell n of them apart takes n² comparisons, each as long as they are."""


class Unsuitable(Exception):
    """No plain value; the argument is the name of its type."""


def encode_value(value: object, opaque: Callable[[object], str] | None = None) -> str:
    """Write a value as text in ASCII, without a line break.

    opaque: writes what is no plain value; without it that raises Unsuitable.
    """
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    # An enum or a str of a class of one's own counts as the plain value that it is.
    if isinstance(value, str):
        return quoted(str.__getitem__(value, slice(None)))
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        text = float.__repr__(value)
        return text if text[-1] not in "fn" else f'{{"float": "{text}"}}'
    if isinstance(value, list):
        return _many(list.__iter__(value), opaque)
    if isinstance(value, COLLECTIONS):
        return _collection(value, opaque)
    return _rare(value, opaque)


def _collection(
    value: tuple[object, ...] | set[object] | frozenset[object] | dict[object, object],
    opaque: Callable[[object], str] | None,
) -> str:
    kind: Any = next(kind for kind in COLLECTIONS if isinstance(value, kind))
    if opaque is None and kind is not tuple and (length := kind.__len__(value)) > MANY:
        raise Unsuitable(f"{_name(value)} of {length}")
    if isinstance(value, dict):
        entries = dict.items(value)
        pairs = [f"[{encode_value(key, opaque)}, {encode_value(item, opaque)}]" for key, item in entries]
        return f'{{"dict": [{", ".join(pairs)}]}}'
    return f'{{"{kind.__name__}": {_many(kind.__iter__(value), opaque)}}}'


def _many(items: Iterable[object], opaque: Callable[[object], str] | None) -> str:
    return f"[{', '.join([encode_value(item, opaque) for item in items])}]"


def _rare(value: object, opaque: Callable[[object], str] | None) -> str:
    if isinstance(value, bytes):
        return f'{{"bytes": {quoted(bytes.decode(value, "latin-1"))}}}'
    if isinstance(value, complex):
        real, imaginary = complex.real.__get__(value), complex.imag.__get__(value)
        return f'{{"complex": [{encode_value(real)}, {encode_value(imaginary)}]}}'
    kind = type(value)
    if opaque is None:
        raise Unsuitable(_name(value))
    if isinstance(value, range):
        return f'{{"range": [{value.start}, {value.stop}, {value.step}]}}'
    if kind in ITERATORS or kind in VIEWS:
        return f'{{"iterator": {_many(value, opaque)}}}'  # type: ignore[arg-type]
    return opaque(value)


def _name(value: object) -> str:
    name: str = type.__dict__["__name__"].__get__(type(value))
    return name


def decode_value(found: object, opaque: Callable[[list[object]], object] | None = None) -> Plain:
    """Decode the value of parsed JSON. Raises ValueError if it encodes no value."""
    if isinstance(found, list):
        return [decode_value(item, opaque) for item in found]
    if isinstance(found, str):
        found.encode()  # A lone surrogate is no text: UnicodeEncodeError is a ValueError.
        return found
    if not isinstance(found, dict):
        return found
    ((name, inner),) = found.items()
    try:
        return _tagged(name, inner, opaque)
    except TypeError as error:
        raise ValueError(str(error)) from error


def _tagged(name: str, inner: object, opaque: Callable[[list[object]], object] | None) -> Plain:
    if name == "float" and inner in ("nan", "inf", "-inf"):
        return float(inner)
    if name == "bytes" and isinstance(inner, str) and all(character <= "\xff" for character in inner):
        return inner.encode("latin-1")
    if name == "opaque" and opaque and isinstance(inner, list):
        return opaque(inner)
    items = decode_value(inner, opaque)
    if not isinstance(items, list):
        raise ValueError("a list was expected")
    if opaque is None and name in ("dict", "set", "frozenset"):
        _refuse_collisions([key for key, _ in items] if name == "dict" else items)
    return _made(name, items, to_examiner=opaque is not None)


def _refuse_collisions(items: list[object]) -> None:
    if len(items) <= ALIKE:
        return
    often: dict[int, int] = {}
    for item in items:
        often[hash(item)] = often.get(hash(item), 0) + 1
    if len(items) > MANY or max(often.values()) > ALIKE:
        raise ValueError("too many entries, or entries that were chosen to collide")


def _made(name: str, items: list[object], to_examiner: bool) -> Plain:
    make = MAKERS.get(name) or (EXAMINER_MAKERS.get(name) if to_examiner else None)
    if make is None:
        raise ValueError(f"unknown kind of value {name!r}")
    return make(items)


def _complex(parts: list[float]) -> complex:
    real, imaginary = parts
    if not (isinstance(real, float) and isinstance(imaginary, float)):
        raise ValueError("two floats were expected")
    return complex(real, imaginary)


def _range(ends: list[int]) -> range:
    start, stop, step = ends
    return range(start, stop, step)


def _dict(pairs: list[list[object]]) -> dict[object, object]:
    if not all(isinstance(pair, list) for pair in pairs):
        raise ValueError("pairs were expected")
    return {key: value for key, value in pairs}


MAKERS: dict[str, Callable[[list[Any]], Plain]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": _dict,
    "complex": _complex,
}
"""Constructor of the value of each tag, from the list that it holds."""

EXAMINER_MAKERS: dict[str, Callable[[list[Any]], Plain]] = {"range": _range, "iterator": iter}
"""What an examiner gets besides."""

"""Run the tests of a problem on a program that is in another sandbox.

The tests call proxies: a call goes through a channel to the program's process and its answer comes back
as plain values. No code or object of the program is ever here, so it can forge what its functions
return and nothing else: a class whose `==` is always true arrives as a reference that equals nothing,
leaving the process is no answer, and the verdict goes to the parent on a channel that only this process has.

Arguments and answers travel by value: a test that looks whether its argument was changed cannot tell.
Lines to the parent: ["ready"], then ["passed"], [kind, detail] or ["failed", type of the exception].
"""

from __future__ import annotations

import builtins
import marshal
import posix
import sys

from evobuild.sandbox.inside.lines import Unreadable, read_line, read_value
from evobuild.sandbox.inside.runner import receive_task, shut_in
from evobuild.sandbox.inside.values import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn, TypedDict

    from evobuild.sandbox.inside.runner import Place

    class Task(TypedDict):
        """What is asked of this process. calls, answers: descriptors, to and from the program's."""

        setup: str
        tests: str
        function: str
        check: str | None
        calls: int
        answers: int


SAID = ("syntax", "raised", "memory", "unsuitable")
"""Endings that a program may report instead of a value; only the parent knows more."""


class Program:
    """The program's process, as far as it can be seen from here. Where it gives no answer, all ends at once.

    end: sends a kind and a detail to the parent and ends this process: no test can catch that.
    """

    def __init__(self, calls: int, answers: int, end: Callable[[str, str], NoReturn]) -> None:
        self._calls = calls
        self._answers = open(answers, "rb")
        self._references: dict[int, Reference] = {}
        self._end = end
        for wanted in ("ready", "loaded"):
            kind, detail = self._line()
            if kind != wanted:
                self._fail(kind, detail)

    def ask(self, expression: str) -> object:
        """Have the program evaluate an expression. Raises the built-in exception that it raised."""
        self._write(marshal.dumps(marshal.dumps(expression)))
        kind, found = self._line()
        if kind == "value":
            try:
                return read_value(found, self._reference)
            except (Unreadable, UnicodeEncodeError):
                self._end("garbled", "")
        if kind == "raised" and (error := _exception(found)):
            raise error
        self._fail(kind, found)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[posix.write(self._calls, data) :]
        except ConnectionError:
            self._end("exited", "")

    def _line(self) -> tuple[object, object]:
        try:
            line = self._answers.readline()
        except MemoryError:
            self._end("memory", "")
        except ConnectionError:
            self._end("exited", "")
        if not line.endswith(b"\n"):
            self._end("exited", "")
        try:
            kind, found, *_ = (*read_line(line), "")
        except Unreadable:
            self._end("garbled", "")
        return kind, found

    def _fail(self, kind: object, detail: object) -> NoReturn:
        if kind in SAID and isinstance(detail, str):
            self._end(str(kind), detail)
        self._end("garbled", "")

    def _reference(self, found: list[object]) -> Reference:
        number, _, truth = found
        if type(number) is not int or type(truth) is not bool:
            raise ValueError("no reference")
        return self._references.setdefault(number, Reference(self, f"kept[{number}]", truth))


class Reference:
    """An object in the program's process: can be called, asked and handed back; equals only itself."""

    _program: Program
    _source: str
    _truth: bool

    def __init__(self, program: Program, source: str, truth: bool = True) -> None:
        vars(self).update(_program=program, _source=source, _truth=truth)

    def __call__(self, *arguments: object, **keywords: object) -> object:
        given = [source_of(argument) for argument in arguments]
        given += [f"{name}={source_of(argument)}" for name, argument in keywords.items()]
        return self._program.ask(f"{self._source}({', '.join(given)})")

    def __getattr__(self, name: str) -> object:
        return self._program.ask(f"getattr({self._source}, {name!r})")

    def __setattr__(self, name: str, value: object) -> None:
        self._program.ask(f"setattr({self._source}, {name!r}, {source_of(value)})")

    def __getitem__(self, key: object) -> object:
        return self._program.ask(f"{self._source}[{source_of(key)}]")

    def __len__(self) -> int:
        length = self._program.ask(f"len({self._source})")
        assert isinstance(length, int)
        return length

    def __iter__(self) -> Iterator[object]:
        items = self._program.ask(f"list({self._source})")
        assert isinstance(items, list)
        return iter(items)

    def __bool__(self) -> bool:
        return bool(self._truth)


def source_of(value: object) -> str:
    """Write an argument as the source of an expression over `names` and `kept`."""
    if isinstance(value, Reference):
        return str(vars(value)["_source"])
    if isinstance(value, list):
        return f"[{', '.join(map(source_of, value))}]"
    if isinstance(value, tuple):
        return f"({''.join(f'{source_of(item)}, ' for item in value)})"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}([{', '.join(map(source_of, value))}])"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{source_of(key)}: {source_of(item)}' for key, item in value.items())}}}"
    if isinstance(value, type) and value in vars(builtins).values():
        return value.__name__
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | range):
        return repr(value)
    raise TypeError(f"a test cannot hand over a {type(value).__name__}")


def _exception(name: object) -> Exception | None:
    """Return the built-in exception of a name, if a test could expect it.

    StopIteration is excluded, as in a generator (PEP 479): it would end the loop of a test, not fail it.
    """
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    if not isinstance(kind, type) or not issubclass(kind, Exception):
        return None
    if issubclass(kind, StopIteration | StopAsyncIteration):
        return RuntimeError(f"the program raised {kind.__name__}")
    try:
        return kind.__new__(kind, "raised by the program")
    except TypeError:  # one that has to have more arguments, as a group has
        return None


def main(place: Place) -> None:
    """Send the parent the verdict, and end this process."""
    leave = posix._exit
    send = shut_in(place)

    def end(kind: str, detail: str) -> NoReturn:
        send(f"[{quoted(kind)}, {quoted(detail)}]")
        leave(0)

    task: Task | None = receive_task(send)  # type: ignore[assignment]
    if task is not None:
        try:
            _examine(task, end)
        except BaseException as error:
            end("failed", type(error).__name__)
        send('["passed"]')
    leave(0)


def _examine(task: Task, end: Callable[[str, str], NoReturn]) -> None:
    program = Program(task["calls"], task["answers"], end)
    names: dict[str, object] = {"__name__": "tests"}
    exec(compile(task["setup"], "<setup>", "exec", dont_inherit=True), names)
    tests = compile(task["tests"], "<tests>", "exec", dont_inherit=True)
    for name in _free(tests, names):
        names[name] = _found(name, program)
    # The setup may define it too, as a stub, and it may be called as a module is.
    names[task["function"]] = Reference(program, f"names[{task['function']!r}]")
    exec(tests, names)
    if task["check"]:
        check: Callable[[object], None] = names[task["check"]]  # type: ignore[assignment]
        check(names[task["function"]])


def _free(code: object, names: dict[str, object]) -> set[str]:
    """Return global names that the tests use and do not define: the program's."""
    assert isinstance(code, type(_free.__code__))
    inner = [constant for constant in code.co_consts if isinstance(constant, type(code))]
    found = set(code.co_names).union(*(_free(each, names) for each in inner))
    return {name for name in found if name not in names and not hasattr(builtins, name)}


def _found(name: str, program: Program) -> object:
    """Resolve a name to a module that tests rely on, never the program's; else to the program's value."""
    if name in sys.stdlib_module_names:
        return __import__(name)
    return Reference(program, f"names[{name!r}]")

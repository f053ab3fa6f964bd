"""Load code that a model wrote and call its functions: a call in, an answer out.

A case is a marshalled tuple (function, arguments). In an exam calls come, as they are made, from an
examiner in another sandbox: marshalled source of an expression over `names`, what the program defines,
and `kept`, what earlier answers were that is no plain value.

Answers are lines of JSON, on a descriptor that the code can reach like all of this process: what it
forges there is a value, no more than its function could return. What a value means is judged elsewhere.
["ready"] comes first, before any of the code runs; then ["loaded"] or why not; then, for each call,
["value", value] or [kind, detail]. In an exam, what is no plain value is answered as
{"opaque": [number in `kept`, name of its type, its truth]}.
"""

from __future__ import annotations

import builtins
import marshal
import posix
import sys

from evobuild.sandbox.inside.confine import leave_watch, limit_resources, lock_process
from evobuild.sandbox.inside.steady import stop_clock_and_chance
from evobuild.sandbox.inside.values import Unsuitable, encode_value, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO, TypedDict

    class Place(TypedDict):
        """How this process is shut in; see confine.py. watched: another stays to say how it ended."""

        watched: bool
        memory: int
        seconds: int
        strictly: bool
        lock: tuple[int | None, bytes, int] | None

    class Task(TypedDict):
        """What is asked of this process. calls: a descriptor to read them from, beside `cases`."""

        program: str
        function: str | None
        modules: list[str] | None
        cases: list[bytes]
        calls: int | None


DETAIL = 200
"""Characters of a detail."""


def main(place: Place) -> None:
    """Answer all calls, then end this process at once, whatever the code has left behind."""
    end = posix._exit
    send = shut_in(place)
    task: Task | None = receive_task(send)  # type: ignore[assignment]
    if task is not None:
        _run(task, send)
    end(0)


def _run(task: Task, send: Callable[[str], None]) -> None:
    calls = iter(task["cases"]) if task["calls"] is None else _arriving(open(task["calls"], "rb"))
    names = load_program(task["program"], task["modules"], send)
    if names is not None:
        function = task["function"]
        if function is None or callable(names.get(function)):
            send('["loaded"]')
            answer_calls(calls, send, names, exam=function is None)
        else:
            send('["missing", ""]')


def shut_in(place: Place) -> Callable[[str], None]:
    """Shut this process in; give what sends a line to where the answers go.

    Standard output is from here on the null device, which the code may use as it likes.
    """
    if place["watched"]:
        leave_watch(1)
    out = posix.dup(1)
    posix.dup2(2, 1)
    write = posix.write

    def send(line: str) -> None:
        rest = line.encode() + b"\n"
        while rest:
            rest = rest[write(out, rest) :]

    limit_resources(place["memory"], place["seconds"], place["strictly"])
    if place["lock"]:
        lock_process(*place["lock"])
    send('["ready"]')
    return send


def receive_task(send: Callable[[str], None]) -> object | None:
    """Read the task, all of it what others wrote, within the limits; None, and said, if it is too large.

    Standard input is then the null device, too.
    """
    try:
        task: object = marshal.load(sys.stdin.buffer)
    except MemoryError:
        send('["memory", ""]')
        return None
    posix.dup2(2, 0)
    return task


def load_program(
    program: str, modules: list[str] | None, send: Callable[[str], None]
) -> dict[str, object] | None:
    """Run a program as a module named `candidate` and give its names; if it fails, say why."""
    module = type(sys)("candidate")
    sys.modules["candidate"] = module
    names = vars(module)
    names["__builtins__"] = {**vars(builtins)}
    if modules is not None:
        names["__builtins__"]["__import__"] = _importer(frozenset(modules))
    stop_clock_and_chance(program)
    try:
        code = compile(program, "<candidate>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError) as error:
        send(f'["syntax", {quoted(type(error).__name__)}]')
        return None
    except MemoryError:
        send('["memory", ""]')
        return None
    try:
        exec(code, names)
    except BaseException as error:
        send(failure_line(error))
        return None
    return names


def _importer(modules: frozenset[str]) -> Callable[..., object]:
    """Build an import function that knows some modules only: a rule, not a wall; the sandbox is the wall."""
    real = builtins.__import__

    def __import__(name: str, *rest: object) -> object:  # noqa: N807
        if name.partition(".")[0] not in modules:
            raise ImportError(f"the module {name!r} is not allowed")
        return real(name, *rest)  # type: ignore[arg-type]

    return __import__


def answer_calls(
    calls: Iterable[bytes], send: Callable[[str], None], names: dict[str, object], exam: bool
) -> None:
    """Answer each call in a line."""
    kept: list[object] = []
    scope = {"names": names, "kept": kept, "nan": float("nan"), "inf": float("inf")}

    def opaque(value: object) -> str:
        number = next((number for number, item in enumerate(kept) if item is value), len(kept))
        kept[number:] = kept[number:] or [value]
        return f'{{"opaque": [{number}, {quoted(_name(type(value)))}, {"true" if value else "false"}]}}'

    for call in calls:
        try:
            asked = marshal.loads(call)
            value = eval(asked, scope) if exam else names[asked[0]](*asked[1])  # type: ignore[operator]
            line = f'["value", {encode_value(value, opaque if exam else None)}]'
        except BaseException as error:
            line = failure_line(error)
        send(line)


def failure_line(error: BaseException) -> str:
    """Say in a line what an exception was, without asking it."""
    kind = type(error)
    if kind is MemoryError:
        return '["memory", ""]'
    if kind is Unsuitable:
        return f'["unsuitable", {quoted(str(error)[:DETAIL])}]'
    return f'["raised", {quoted(_name(kind))}]'


def _name(kind: type) -> str:
    name: str = type.__dict__["__name__"].__get__(kind)
    return name[:DETAIL]


def _arriving(stream: BinaryIO) -> Iterator[bytes]:
    """Calls as they come, each a marshalled bytes."""
    while True:
        try:
            yield marshal.load(stream)
        except EOFError:
            return

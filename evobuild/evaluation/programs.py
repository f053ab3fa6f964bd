"""The program in a model's reply: of a chat, prose around blocks of code; else what follows the prompt.

    1. the first block between fences that defines the function which is asked for; of the other blocks it
       takes imports that it uses, and no more
    2. without one, the lines of the reply that are code
    3. a body alone, which goes on with the prompt

What only tries the program out goes: assertions and, in statements of the module, calls of the function,
`print` and `input`. A reply without any of it is what follows the prompt, and fails.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from evobuild.text.json_repairs import parse_code

MOST_BLOCKS = 50
"""Blocks of code of a reply that are looked at."""
FENCE = re.compile(r"^[ \t]*+(`{3,}+|~{3,}+)([^\n`]*+)$", re.MULTILINE)
_BEGINS = re.compile(r"(?:from|import|def|async def|class)\s+\w|@\w")
_CODE = re.compile(
    r"[\s#)\]}@]|(?:from|import|def|async|class|if|elif|else|for|while|try|except|finally|with|assert|print)\b"
    r"|[\w.\[\], ]++[-+*/|&]?=|[\w.]++\("
)
"""How a line begins that is code, or inside of it."""
DEFINITIONS = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
TRIES = frozenset({"print", "input", "__name__"})
"""Names that a statement of a module reads to try the program out."""


def extract_program(reply: str, prompt: str, function: str, stop: Sequence[str]) -> str:
    """Give the program that a reply is, to be run as a whole.

    prompt: code that the reply may go on with, "" if it is to be a whole program. function: the one that
    is asked for. stop: what ends a body, where the next function or an example begins.
    """
    blocks = code_blocks(reply)
    for candidate in _candidates(reply, blocks, function):
        if (tree := parse_code(candidate)) and function in _defined(tree):
            whole = [_preamble(prompt, function), *_imports(blocks, tree), candidate]
            return "\n".join(filter(None, (_untried(code, function) for code in whole)))
    if not prompt:
        return next(iter(blocks), reply)
    return next(_bodies(prompt, [*blocks, reply], stop), prompt + cut(reply, stop))


def continues(reply: str) -> bool:
    """Whether a reply goes on with the body of a function: its first line is indented."""
    first = next((line for line in reply.splitlines() if line.strip()), "")
    return first[:1] in (" ", "\t")


def cut(text: str, stop: Iterable[str]) -> str:
    """A text up to the first of what ends it."""
    ends = (text.find(word) for word in stop)
    return text[: min((end for end in ends if end >= 0), default=len(text))]


def code_blocks(reply: str) -> list[str]:
    """What stands between fences, each block without the indentation that all its lines share.

    A block that is not closed goes to the end.
    """
    found: list[str] = []
    opened: re.Match[str] | None = None
    for fence in FENCE.finditer(reply):
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]) and not fence[2].strip():
            found.append(reply[opened.end() + 1 : fence.start()])
            opened = None
        if len(found) == MOST_BLOCKS:
            break
    else:
        if opened is not None:
            found.append(reply[opened.end() + 1 :])
    return [textwrap.dedent(block).rstrip() + "\n" for block in found]


def _candidates(reply: str, blocks: Sequence[str], function: str) -> Iterator[str]:
    """Texts that may be the program, the likeliest first."""
    texts = [text for text in (*blocks, reply) if function in text]
    yield from texts
    for text in texts:
        code = _code_lines(text.splitlines())
        yield "\n".join(code)
        yield "\n".join(_function_lines(code, function))


def _code_lines(lines: Sequence[str]) -> list[str]:
    """The lines from the first that can begin a program to the last before prose goes on."""
    begin = next((at for at, line in enumerate(lines) if _BEGINS.match(line.strip())), len(lines))
    found = textwrap.dedent("\n".join(lines[begin:])).splitlines()
    end = next((at for at, line in enumerate(found) if line.strip() and not _CODE.match(line)), len(found))
    return found[:end]


def _function_lines(lines: Sequence[str], function: str) -> list[str]:
    """The lines up to the end of the function, by indentation alone: what follows may be cut off or prose."""
    begin = next((at for at, line in enumerate(lines) if line.startswith(f"def {function}")), 0)
    inside = (
        at for at, line in enumerate(lines) if at > begin and line.strip() and line[:1] not in " \t)]}#"
    )
    return list(lines[: next(inside, len(lines))])


def _bodies(prompt: str, texts: Iterable[str], stop: Sequence[str]) -> Iterator[str]:
    """The prompt with each text that compiles as its body, all or its first line indented if need be."""
    for text in texts:
        body = cut(text, stop).strip("\n")
        indented = (textwrap.indent(body, "    "), f"    {body}")
        for each in (body,) if continues(body) else indented:
            if body.strip() and parse_code(f"{prompt}\n{each}"):
                yield f"{prompt}\n{each}"


def _preamble(prompt: str, function: str) -> str:
    """What stands before the function in its prompt: imports, and functions that it may call."""
    found = re.search(rf"^def {re.escape(function)}\b", prompt, re.MULTILINE)
    return prompt[: found.start()] if found else ""


def _imports(blocks: Sequence[str], tree: ast.Module) -> list[str]:
    """Imports of the blocks that bring what a program uses and does not define."""
    wanted, found = _used(tree) - _defined(tree), []
    for other in filter(None, map(parse_code, blocks)):
        for node in other.body:
            if isinstance(node, ast.Import | ast.ImportFrom) and _names(node) & wanted:
                found.append(ast.unparse(node))
    return found


def _untried(code: str, function: str) -> str:
    """A program without the statements that only try it out; as it is if it does not compile."""
    tree = parse_code(code)
    if tree is None:
        return code
    lines = code.splitlines()
    kept = {line for node in tree.body if not _tries(node, function) for line in _lines(node)}
    for node in tree.body:
        if _tries(node, function) and not kept & set(_lines(node)):
            for line in _lines(node):
                lines[line - 1] = ""
    return "\n".join(lines)


def _tries(node: ast.stmt, function: str) -> bool:
    if isinstance(node, ast.Assert):
        return True
    # f = cache(f) is part of f.
    if isinstance(node, DEFINITIONS) or function in _assigned(node):
        return False
    return bool(_used(node) & {*TRIES, function})


def _defined(tree: ast.Module) -> set[str]:
    """The names that a program defines."""
    found: set[str] = set()
    for node in tree.body:
        found |= _names(node) | _assigned(node)
    return found


def _used(tree: ast.AST) -> set[str]:
    """The names that code reads."""
    names = (each for each in ast.walk(tree) if isinstance(each, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, ast.Load)}


def _assigned(node: ast.stmt) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _names(node: ast.stmt) -> set[str]:
    """What a definition or an import defines."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return {node.name} if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else set()


def _lines(node: ast.stmt) -> range:
    """The lines of a statement, from 1, with those of its decorators."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(each.lineno for each in decorators)])
    return range(first, (node.end_lineno or node.lineno) + 1)

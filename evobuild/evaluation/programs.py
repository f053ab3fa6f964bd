"""Extract the program of a model's reply: from prose around code blocks in a chat, else from a completion of
the prompt.

    1. the first fenced block that defines the requested function, plus the imports of other blocks that it
    uses 2. without one, the lines of the reply that are code 3. a body alone, which continues the prompt

Statements that only try the program out are dropped: assertions and, at module level, calls of the function,
`print` and `input`. A reply without any program is appended to the prompt, and fails its tests.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from evobuild.text.json_repairs import parse_code

MOST_BLOCKS = 50
"""Maximum code blocks to read of a reply, to bound the time."""
FENCE = re.compile(r"^[ \t]*+(`{3,}+|~{3,}+)([^\n`]*+)$", re.MULTILINE)
_BEGINS = re.compile(r"(?:from|import|def|async def|class)\s+\w|@\w")
_CODE = re.compile(
    r"[\s#)\]}@]|(?:from|import|def|async|class|if|elif|else|for|while|try|except|finally|with|assert|print)\b"
    r"|[\w.\[\], ]++[-+*/|&]?=|[\w.]++\("
)
"""Beginnings of lines that are code, or inside of code."""
DEFINITIONS = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
TRIES = frozenset({"print", "input", "__name__"})
"""Names that a module-level statement reads if it only tries the program out."""


def extract_program(reply: str, prompt: str, function: str, stop: Sequence[str]) -> str:
    """Extract the whole program of a reply, ready to run.

    Args:
        prompt: code that the reply may continue, "" if it has to be a whole program.
        function: name of the requested function.
        stop: texts that end a body: the beginning of the next function or of an example.
    """
    blocks = code_blocks(reply)
    for candidate in _candidate_programs(reply, blocks, function):
        if (tree := parse_code(candidate)) and function in _find_definitions(tree):
            whole = [_extract_preamble(prompt, function), *_collect_imports(blocks, tree), candidate]
            return "\n".join(filter(None, (_drop_trials(code, function) for code in whole)))
    if not prompt:
        return next(iter(blocks), reply)
    return next(_complete_programs(prompt, [*blocks, reply], stop), prompt + truncate_at(reply, stop))


def is_body(reply: str) -> bool:
    """Return whether a reply continues a function's body: its first line is indented."""
    first = next((line for line in reply.splitlines() if line.strip()), "")
    return first[:1] in (" ", "\t")


def truncate_at(text: str, stop: Iterable[str]) -> str:
    """Return a text up to the first of some stop texts."""
    ends = (text.find(word) for word in stop)
    return text[: min((end for end in ends if end >= 0), default=len(text))]


def code_blocks(reply: str) -> list[str]:
    """Extract the fenced code blocks, each dedented.

    An unclosed block extends to the end.
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


def _candidate_programs(reply: str, blocks: Sequence[str], function: str) -> Iterator[str]:
    """Yield texts that may be the program, the likeliest first."""
    texts = [text for text in (*blocks, reply) if function in text]
    yield from texts
    for text in texts:
        code = _code_lines(text.splitlines())
        yield "\n".join(code)
        yield "\n".join(_function_lines(code, function))


def _code_lines(lines: Sequence[str]) -> list[str]:
    """Return the lines from the first that can begin a program up to the next line of prose."""
    begin = next((at for at, line in enumerate(lines) if _BEGINS.match(line.strip())), len(lines))
    found = textwrap.dedent("\n".join(lines[begin:])).splitlines()
    end = next((at for at, line in enumerate(found) if line.strip() and not _CODE.match(line)), len(found))
    return found[:end]


def _function_lines(lines: Sequence[str], function: str) -> list[str]:
    """Return the lines up to the function's end, by indentation alone: what follows may be truncated or
    prose.
    """
    begin = next((at for at, line in enumerate(lines) if line.startswith(f"def {function}")), 0)
    inside = (
        at for at, line in enumerate(lines) if at > begin and line.strip() and line[:1] not in " \t)]}#"
    )
    return list(lines[: next(inside, len(lines))])


def _complete_programs(prompt: str, texts: Iterable[str], stop: Sequence[str]) -> Iterator[str]:
    """Yield the prompt with each text that compiles as its body; indent the text or its first line if
    needed.
    """
    for text in texts:
        body = truncate_at(text, stop).strip("\n")
        indented = (textwrap.indent(body, "    "), f"    {body}")
        for each in (body,) if is_body(body) else indented:
            if body.strip() and parse_code(f"{prompt}\n{each}"):
                yield f"{prompt}\n{each}"


def _extract_preamble(prompt: str, function: str) -> str:
    """Return the part of the prompt before the function: imports, and functions that it may call."""
    found = re.search(rf"^def {re.escape(function)}\b", prompt, re.MULTILINE)
    return prompt[: found.start()] if found else ""


def _collect_imports(blocks: Sequence[str], tree: ast.Module) -> list[str]:
    """Collect imports of the blocks for names that a program uses and does not define."""
    wanted, found = _find_reads(tree) - _find_definitions(tree), []
    for other in filter(None, map(parse_code, blocks)):
        for node in other.body:
            if isinstance(node, ast.Import | ast.ImportFrom) and _find_bound_names(node) & wanted:
                found.append(ast.unparse(node))
    return found


def _drop_trials(code: str, function: str) -> str:
    """Remove statements that only try the program out; return code that does not compile unchanged."""
    tree = parse_code(code)
    if tree is None:
        return code
    lines = code.splitlines()
    kept = {line for node in tree.body if not _is_trial(node, function) for line in _statement_lines(node)}
    for node in tree.body:
        if _is_trial(node, function) and not kept & set(_statement_lines(node)):
            for line in _statement_lines(node):
                lines[line - 1] = ""
    return "\n".join(lines)


def _is_trial(node: ast.stmt, function: str) -> bool:
    if isinstance(node, ast.Assert):
        return True
    # `f = cache(f)` belongs to the function.
    if isinstance(node, DEFINITIONS) or function in _find_assignments(node):
        return False
    return bool(_find_reads(node) & {*TRIES, function})


def _find_definitions(tree: ast.Module) -> set[str]:
    """Return the names that a program defines at module level."""
    found: set[str] = set()
    for node in tree.body:
        found |= _find_bound_names(node) | _find_assignments(node)
    return found


def _find_reads(tree: ast.AST) -> set[str]:
    """Return the names that code reads."""
    names = (each for each in ast.walk(tree) if isinstance(each, ast.Name))
    return {name.id for name in names if isinstance(name.ctx, ast.Load)}


def _find_assignments(node: ast.stmt) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _find_bound_names(node: ast.stmt) -> set[str]:
    """Return the names that a definition or an import binds."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    return {node.name} if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else set()


def _statement_lines(node: ast.stmt) -> range:
    """Return the line numbers of a statement, from 1, including its decorators."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(each.lineno for each in decorators)])
    return range(first, (node.end_lineno or node.lineno) + 1)

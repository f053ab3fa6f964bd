"""Families of constraints on layout: titles, headings, quotes, blocks, JSON."""

from __future__ import annotations

import json

from evobuild.simulation.constraints import editing
from evobuild.simulation.constraints.family import Edges, Family

KEYS = ("answer", "reply", "result", "text", "summary", "advice")


def _json(_: int, key: str) -> Edges:
    return (json.dumps({key: "Rain."}), f' {{"{key}": 1, "more": [2]}}\n'), (
        f"{{'{key}': 'Rain.'}}",
        '{"other_name": "Rain."}',
        f'["{key}"]',
        "Rain.",
    )


def _title(_: int, __: str) -> Edges:
    return ("<<Rain>>\nIt is on its way.", "\n<<A wet day>> Rain."), (
        "Rain <<is>> on its way.",
        "<Rain>\nIt.",
        "<<>> Rain",
    )


def _postscript(_: int, __: str) -> Edges:
    return ("Rain.\n\nP.S. Take a coat.", "Rain.\nP.S.: Wind too."), (
        "Rain. Wind.",
        "Rain.\nPS: Take a coat.",
        "P.S. Rain.\nWind.",
    )


def _quoted(_: int, __: str) -> Edges:
    return ("> Rain.\n> Wind.", "> Rain.\n\n> Wind.\n"), ("> Rain.\nWind.", "Rain.", "Rain > wind.")


def _headings(number: int, _: str) -> Edges:
    return ("## Rain\nSome.\n" * number, "## Rain\nSome.\n" * (number + 1)), (
        "## Rain\nSome.\n" * (number - 1),
        "# Rain\nSome.\n" * number,
        "Rain ## wind\n" * number,
    )


def _fence(_: int, __: str) -> Edges:
    return ("```\nrain\n```", "See:\n```text\nrain\n```\nDone."), ("rain", "`rain`", "```\nrain")


FAMILIES = (
    Family(
        "json",
        (
            "Reply with one JSON object that has the key '$w'.",
            "Give the answer as a JSON object in which the key '$w' occurs.",
            "Let the whole reply be valid JSON, an object with the key '$w'.",
        ),
        "Reply in prose without any '$w' in JSON.",
        (
            "try:\n    found = json.loads(response)\nexcept ValueError:\n    return False\n"
            "return isinstance(found, dict) and $w in found",
            "try:\n    return $w in json.loads(response).keys()\n"
            "except (ValueError, AttributeError):\n    return False",
        ),
        (
            'text = response.strip()\nreturn text.startswith("{") and text.endswith("}") and $w in text',
            "return $w in json.loads(response)",
        ),
        _json,
        lambda answer, _, key: json.dumps({key: answer}, ensure_ascii=False),
        words=KEYS,
    ),
    Family(
        "title",
        (
            "Open with a title between << and >>.",
            "Begin with a heading that stands between << and >>.",
            "Put a title in double angle brackets before everything else.",
        ),
        "Give no title.",
        (
            r'return re.match(r"\s*<<[^<>\n]+>>", response) is not None',
            'text = response.strip()\nend = text.find(">>")\nreturn text.startswith("<<") and end > 2',
        ),
        ('return "<<" in response and ">>" in response', 'return response.startswith("<<")'),
        _title,
        lambda answer, _, __: f"<<In brief>>\n\n{answer}",
    ),
    Family(
        "postscript",
        (
            "Add a postscript as the last line, beginning with P.S.",
            "Close with a line that begins with P.S.",
            "Let the last line be a postscript after the letters P.S.",
        ),
        "Add no postscript.",
        (
            "lines = response.strip().splitlines()\n"
            'return bool(lines) and lines[-1].strip().startswith("P.S.")',
            r'return re.search(r"(?:^|\n)[ ]*P\.S\.[^\n]*\Z", response.rstrip()) is not None',
        ),
        ('return "P.S." in response', 'return "PS" in response.replace(".", "")'),
        _postscript,
        lambda answer, _, __: editing.below(answer, "P.S. Let me know how it went."),
    ),
    Family(
        "quoted",
        (
            "Start every line with '> '.",
            "Quote the whole answer with '> ' before each line.",
            "Write '> ' at the head of all lines.",
        ),
        "Begin no line with '> '.",
        (
            "lines = [line for line in response.splitlines() if line.strip()]\n"
            'return bool(lines) and all(line.startswith("> ") for line in lines)',
            "for line in response.splitlines():\n"
            '    if line.strip() and line[:2] != "> ":\n        return False\nreturn bool(response.strip())',
        ),
        ('return response.startswith("> ")', 'return all(">" in line for line in response.splitlines())'),
        _quoted,
        lambda answer, _, __: "\n".join(f"> {line}" for line in editing.lines(answer)),
    ),
    Family(
        "headings",
        (
            "Give at least $n headings, each on a line that begins with two number signs and a space.",
            "Divide the answer by $n or more headings that begin with '## '.",
            "Put no fewer than $n Markdown headings of the second level.",
        ),
        "Use no headings.",
        (
            'return sum(line.startswith("## ") for line in response.splitlines()) >= $n',
            r'return len(re.findall(r"^## \S", response, re.MULTILINE)) >= $n',
        ),
        (
            'return response.count("#") >= $n',
            'return sum(line.startswith("## ") for line in response.splitlines()) > $n',
        ),
        _headings,
        lambda answer, number, _: "\n\n".join(
            f"## Part {place}\n\n{part}."
            for place, part in enumerate(editing.exactly(answer, number), start=1)
        ),
        numbers=range(2, 7),
    ),
    Family(
        "fence",
        (
            "Put at least one part of the answer into a fenced block of three backticks.",
            "Include a block that opens and closes with three backticks.",
            "Let some of the text stand between two lines of three backticks.",
        ),
        "Use no fenced block.",
        (
            r'return re.search(r"```[^`]+```", response) is not None',
            'pieces = response.split("```")\nreturn len(pieces) >= 3 and bool(pieces[1].strip())',
        ),
        ('return "`" in response', 'return response.startswith("```")'),
        _fence,
        lambda answer, _, __: (
            answer if "```" in answer else editing.below(answer, "```\nin short: as above\n```")
        ),
    ),
)

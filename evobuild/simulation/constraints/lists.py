"""Families of constraints on lists, rows and tables."""

from __future__ import annotations

from evobuild.simulation.constraints import editing
from evobuild.simulation.constraints.family import Edges, Family


def _bullets(number: int, _: str) -> Edges:
    return ("- well-known\n" * number, "In all:\n\n" + "- rain\n" * number), (
        "- rain\n" * (number + 1),
        "* rain\n" * number,
        "- rain\n" * (number - 1),
    )


def _numbered(number: int, _: str) -> Edges:
    items = [f"{place}. item" for place in range(1, number + 1)]
    return ("\n".join(items), "In all:\n" + "\n".join(items)), (
        "\n".join(items[:-1]),
        "\n".join([*items, f"{number + 1}. item"]),
        "1. item\n" * number,
    )


def _hashtags(number: int, _: str) -> Edges:
    tags = " #rain" * number
    return (f"Wind.{tags}", f"Item a#b.\n\n{tags.strip()}"), (
        f"Wind.{tags} #more",
        f"Wind.{tags[6:]}",
        "Wind.",
    )


def _sorted(_: int, __: str) -> Edges:
    return ("All is late.\nbutter is made.\nCome in.", "Ask.\nBake it late."), (
        "Bake it late.\nAsk.",
        "All of the rain.",
        "all is late.\nZoo.\nbutter.",
    )


def _table(number: int, _: str) -> Edges:
    row = "| rain " * number + "|"
    return (f"{row}\n{row}", f"See here:\n\n{row}\n{row}"), (
        "a, b\nc, d",
        f"{row[7:]}\n{row[7:]}",
        f"| rain {row}",
    )


def _semicolons(number: int, _: str) -> Edges:
    return ("; ".join(["rain"] * number), ";".join(["wind"] * number)), (
        "; ".join(["rain"] * (number + 1)),
        ", ".join(["rain"] * number),
        "; ".join(["rain"] * (number - 1)) + "; ",
    )


def _keep_sorted(answer: str, _: int, __: str) -> str:
    parts = sorted(editing.exactly(answer, max(len(editing.sentences(answer)), 2)), key=_first)
    return "\n".join(f"{part}." for part in parts)


def _first(part: str) -> str:
    return part.split()[0].lower()


def _keep_table(answer: str, number: int, _: str) -> str:
    row = "| " + " | ".join(f"Point {place}" for place in range(1, number + 1)) + " |"
    plain = answer.replace("|", "/")
    return f"{row}\n{'|---' * number}|\n{row.replace('Point', 'See')}\n\n{plain}"


def _keep_numbered(answer: str, number: int, _: str) -> str:
    parts = editing.exactly(answer, number)
    return "\n".join(f"{place}. {part}." for place, part in enumerate(parts, start=1))


FAMILIES = (
    Family(
        "bullets",
        (
            "Give exactly $n bullet points, each on a line that begins with a hyphen and a space.",
            "Make a list of $n points with '- ' before each.",
            "Put the answer into $n lines that start with '- '.",
        ),
        "Use no bullet points.",
        (
            'return sum(line.startswith("- ") for line in response.splitlines()) == $n',
            r'return len(re.findall(r"^- ", response, re.MULTILINE)) == $n',
        ),
        (
            'return response.count("-") == $n',
            'return sum(line.startswith("- ") for line in response.splitlines()) >= $n',
        ),
        _bullets,
        lambda answer, number, _: "\n".join(f"- {part}." for part in editing.exactly(answer, number)),
        numbers=range(3, 11),
    ),
    Family(
        "numbered",
        (
            "Answer with a list of $n items numbered 1., 2. and so on.",
            "Number the parts of the answer from 1. to $n., each on a line of its own.",
            "Give $n numbered lines, the first one beginning with '1. '.",
        ),
        "Number nothing.",
        (
            r'found = re.findall(r"^(\d+)\. ", response, re.MULTILINE)'
            "\nreturn found == [str(number) for number in range(1, $n + 1)]",
            r'numbers = [int(found) for found in re.findall(r"^(\d+)\. ", response, re.MULTILINE)]'
            "\nreturn numbers == list(range(1, $n + 1))",
        ),
        (
            r'return len(re.findall(r"^\d+\. ", response, re.MULTILINE)) == $n',
            r'return len(re.findall(r"^\d+\. ", response, re.MULTILINE)) >= $n',
        ),
        _numbered,
        _keep_numbered,
        numbers=range(3, 11),
    ),
    Family(
        "sorted",
        (
            "Order the lines, two or more, by the alphabet of their first words.",
            "Write two lines or more whose first words follow the alphabet.",
            "Sort two lines or more by their first words, from A to Z.",
        ),
        "Order the lines from Z to A.",
        (
            "firsts = [line.split()[0].lower() for line in response.splitlines() if line.strip()]\n"
            "return len(firsts) > 1 and firsts == sorted(firsts)",
            "lines = [line.split() for line in response.lower().splitlines() if line.strip()]\n"
            "return len(lines) >= 2 and all(one[0] <= other[0] for one, other in zip(lines, lines[1:]))",
        ),
        (
            "lines = response.splitlines()\nreturn len(lines) > 1 and lines == sorted(lines)",
            "firsts = [line[:1].lower() for line in response.splitlines()]\nreturn firsts == sorted(firsts)",
        ),
        _sorted,
        _keep_sorted,
    ),
    Family(
        "semicolons",
        (
            "Answer with $n expressions divided by semicolons.",
            "Give $n terms and nothing else, a semicolon between any two.",
            "Write a row of $n expressions that semicolons keep apart.",
        ),
        "Use no semicolon.",
        (
            'parts = response.split(";")\nreturn len(parts) == $n and all(part.strip() for part in parts)',
            'terms = [part.strip() for part in response.split(";")]\n'
            'return "" not in terms and len(terms) == $n',
        ),
        ('return response.count(";") == $n', 'return len(response.split(";")) >= $n'),
        _semicolons,
        lambda answer, number, _: "; ".join(editing.exactly(answer, number)),
        numbers=range(3, 11),
    ),
    Family(
        "hashtags",
        (
            "Use exactly $n hashtags.",
            "Attach $n hashtags, no more and no fewer.",
            "Let there be $n hashtags, such as #this, in the answer.",
        ),
        "Use no hashtag.",
        (
            r'return len(re.findall(r"(?<!\S)#\w+", response)) == $n',
            'tags = [word for word in response.split() if word.startswith("#") and len(word) > 1]\n'
            "return len(tags) == $n",
        ),
        ('return response.count("#") == $n', r'return len(re.findall(r"#\w+", response)) >= $n'),
        _hashtags,
        lambda answer, number, _: editing.below(
            answer.replace("#", ""), " ".join(f"#point{place}" for place in range(1, number + 1))
        ),
        numbers=range(2, 8),
    ),
    Family(
        "table",
        (
            "Include a table of $n columns whose rows begin and end with a bar.",
            "Show a Markdown table with $n columns.",
            "Put in a table, its $n columns divided by vertical bars.",
        ),
        "Use no table.",
        (
            'rows = [line.strip() for line in response.splitlines() if line.strip().startswith("|")]\n'
            'return len(rows) > 1 and all(row.endswith("|") and row.count("|") == $n + 1 for row in rows)',
            r'rows = re.findall(r"^\s*\|.*", response, re.MULTILINE)'
            '\nreturn len(rows) >= 2 and all(len(row.split("|")) == $n + 2 for row in rows)',
        ),
        ('return "|" in response', 'return response.count("|") >= $n'),
        _table,
        _keep_table,
        numbers=range(2, 7),
    ),
)

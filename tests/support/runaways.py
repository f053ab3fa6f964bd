"""Templates that take too much time or memory, or make too much text, each in a way of its own."""

from __future__ import annotations

TIME, MEMORY, TEXT = "takes more than 0.2 s", "takes more than 64 MB", "makes "
GROWN = "{% set n = namespace(x=START) %}{% for _ in range(99) %}{% set n.x = GROW %}{% endfor %}"
RUNAWAYS = [
    ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", TIME),
    ("{% for a in range(99999) if [range(99999)|sum] == 1 %}{% endfor %}", TIME),
    ("{% macro a(n) %}{% if n %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(60) }}", TIME),
    ("{{ 9 ** 100000000 }}", TIME),
    ("{% set x = 9 ** 999 %}" + "{% set x = x * x %}" * 30, TIME),
    (GROWN.replace("START", "9").replace("GROW", "n.x * n.x"), TIME),
    ("{% for _ in range(99999) %}{% set x = ('a' * 9999999)|replace('a', 'bb') %}{% endfor %}", ""),
    ("{{ 'x' * 10 ** 9 }}", MEMORY),
    ("{{ [0] * 10 ** 9 }}", MEMORY),
    ("{{ 'x'|center(10 ** 9) }}", MEMORY),
    ("{{ 'x'.ljust(10 ** 9) }}", MEMORY),
    ("{{ '\t'.expandtabs(10 ** 9) }}", MEMORY),
    ("{{ '%999999999d' % 1 }}", MEMORY),
    ("{{ '%*d'|format(999999999, 1) }}", MEMORY),
    ("{{ '{:>999999999}'.format(1) }}", MEMORY),
    ("{{ 'x'|indent(10 ** 9, true) }}", MEMORY),
    ("{{ range(99999)|join('x' * 99999) }}", MEMORY),
    ("{{ ('x' * 99999).replace('x', 'y' * 99999) }}", MEMORY),
    ("{{ [['x' * 99999] * 99999, 1]|tojson }}", ""),
    (GROWN.replace("START", "'x' * 9").replace("GROW", "n.x ~ n.x"), MEMORY),
    (GROWN.replace("START", "'x' * 9").replace("GROW", "n.x + n.x"), MEMORY),
    (GROWN.replace("START", "[1]").replace("GROW", "n.x + n.x"), ""),
    ("{% for a in range(99999) %}{{ 'x' * 99999 }}{% endfor %}", ""),
    ("{% for a in range(999) %}{% for b in range(9999) %}{{ 'xxx' }}{% endfor %}{% endfor %}", ""),
    ("{{ 'x' * 4000000 }}", TEXT),
]
"""The template, and the bound that it exceeds; '': which one hangs on the machine."""

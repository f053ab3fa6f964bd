"""Templates that only lay out their values, told from those that compute.

Plain ones can be rendered unwatched: nothing in them makes a large value of small ones, and no loop goes over
more than it is given. They have no call, product, power, format, macro or inclusion; of filters only those
that make nothing longer; a loop in a loop only over a part of the outer loop's item; and they do not
assign what they join, as ten assignments could double it ten times.
"""

from __future__ import annotations

from jinja2 import nodes

PLAIN = {
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For),
    *(nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Const),
    *(nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.Not, nodes.And, nodes.Or),
    *(nodes.Sub, nodes.Neg, nodes.Filter, nodes.Test),
}
JOINING = {nodes.Add, nodes.Concat, nodes.List, nodes.Tuple}
FILTERS = {"count", "default", "first", "last", "length", "lower", "trim", "upper"}


def is_plain(template: nodes.Template) -> bool:
    """Whether a template is plain."""
    every = [template, *template.find_all(nodes.Node)]
    assigns = any(isinstance(node, nodes.Assign) for node in every)
    kinds = PLAIN | ({nodes.Assign} if assigns else JOINING)
    return all(type(node) in kinds and _is_bounded(node) for node in every) and _loops_are_bounded(template)


def _is_bounded(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Filter):
        return node.name in FILTERS
    return not (isinstance(node, nodes.For) and node.recursive)


def _loops_are_bounded(node: nodes.Node, targets: frozenset[str] = frozenset()) -> bool:
    """Whether every loop in a loop goes over a part of its item. targets: names of the item, if in a loop."""
    for child in node.iter_child_nodes():
        inner = targets
        if isinstance(child, nodes.For):
            if targets and _root(child.iter) not in targets:
                return False
            # Several in: for key, value in …
            names = [child.target, *child.target.find_all(nodes.Name)]
            inner = frozenset(name.name for name in names if isinstance(name, nodes.Name))
        if not _loops_are_bounded(child, inner):
            return False
    return True


def _root(node: nodes.Node) -> str:
    """Find the name that an attribute, item or name begins with; '' for all else."""
    while isinstance(node, nodes.Getattr | nodes.Getitem):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else ""

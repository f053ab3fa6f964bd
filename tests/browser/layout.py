"""How a page has to look: cells below their headers, rows as high as their text, nothing too wide."""

from __future__ import annotations

from chromium import Page

SCREENS = {1280: 800, 390: 844}
"""Width and height, in pixels, of a laptop's window and of a phone's."""
SLACK = 10
"""Pixels by which a row may exceed its highest cell: text of two sizes shares a baseline."""

FIND_FAULTS = """(() => {
const faults = [];
const box = (element) => element.getBoundingClientRect();
const styleOf = (element) => getComputedStyle(element);
const isShown = (element) => element.checkVisibility() && box(element).width > 1;
const name = (element) => `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}">`
  + element.textContent.trim().replace(/\\s+/g, " ").slice(0, 40);
const isAside = (one, other) =>
  Math.abs(box(one).left - box(other).left) > 1 || Math.abs(box(one).right - box(other).right) > 1;

// The height of what is inside a cell, with its padding.
function neededHeight(cell) {
  const range = document.createRange();
  range.selectNodeContents(cell);
  const rects = [...range.getClientRects()].filter((each) => each.width > 0);
  const edges = ["paddingTop", "paddingBottom", "borderTopWidth", "borderBottomWidth"];
  const around = edges.reduce((sum, edge) => sum + parseFloat(styleOf(cell)[edge]), 0);
  if (!rects.length) return around;
  return Math.max(...rects.map((each) => each.bottom)) - Math.min(...rects.map((each) => each.top)) + around;
}

for (const row of [...document.querySelectorAll("tr")].filter(isShown)) {
  const heads = row.closest("table").tHead?.rows[0]?.cells ?? [];
  let column = 0;
  for (const cell of row.cells) {
    const head = heads[column];
    if (head && cell.colSpan === 1 && isAside(cell, head))
      faults.push(`${name(cell)} at ${box(cell).left} is not below ${name(head)} at ${box(head).left}`);
    column += cell.colSpan;
  }
  const needed = Math.max(...[...row.cells].map(neededHeight));
  if (box(row).height > needed + SLACK)
    faults.push(`${name(row)} is ${box(row).height} high, its text ${needed}`);
}
for (const element of [...document.body.querySelectorAll("*")].filter(isShown)) {
  const parent = element.parentElement;
  // A drawing scales as a whole. A box that scrolls may hold more than it is wide.
  if (parent.closest("svg") || /auto|scroll/.test(styleOf(parent).overflowX)) continue;
  if (/absolute|fixed/.test(styleOf(element).position) || styleOf(parent).display === "inline") continue;
  if (box(element).width > box(parent).width + 1)
    faults.push(`${name(element)} is ${box(element).width} wide, ${name(parent)} ${box(parent).width}`);
}
const wide = document.documentElement.scrollWidth;
if (wide > innerWidth) faults.push(`the page is ${wide} wide, the screen ${innerWidth}`);
return faults;
})()"""


def set_screen(page: Page, width: int, scheme: str = "light") -> None:
    """Show pages on a screen of SCREENS, in a light or dark scheme."""
    size = {"width": width, "height": SCREENS[width], "deviceScaleFactor": 1, "mobile": width < 600}
    page.call("Emulation.setDeviceMetricsOverride", **size)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def reset_screen(page: Page) -> None:
    """Undo `set_screen`."""
    page.call("Emulation.clearDeviceMetricsOverride")
    page.call("Emulation.setEmulatedMedia", features=[])


def unfold(page: Page) -> None:
    """Open all that is folded."""
    page.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


def find_faults(page: Page) -> list[str]:
    """List cells aside of their header, rows higher than their text, and elements wider than their parent."""
    found: list[str] = page.run(FIND_FAULTS.replace("SLACK", str(SLACK)))
    return found

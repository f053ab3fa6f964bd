// The explorer: a list of entries to search and filter, a page at a time, and the tree of the opened one.
"use strict";

const WIDTH = 300;
const here = new Run(readScript);
let opened = -1, waiting = false;

// Called by the data's scripts.
function take(kind, part, content) {
  here.take(kind, part, content);
  if (kind === "rows") begin();
}

function begin() {
  const { columns, names, metrics } = here.index;
  for (const name of [...SINGLE, ...SEVERAL]) offer(name);
  at("shared").parentElement.style.display = names.shared.length ? "" : "none";
  const measured = Object.entries(metrics).filter(([name]) => columns[name]);
  at("measure").replaceChildren(...measured.map(([name, label]) => new Option(label, name)));
  update();
  here.readTexts(arrived);
}

// Fill a choice with its names and how many entries have each.
function offer(name) {
  const { columns, names, sets } = here.index;
  const totals = names[name].map(() => 0);
  if (sets[name]) for (const code of columns[name]) for (const each of sets[name][code]) totals[each] += 1;
  else for (const code of columns[name]) totals[code] += 1;
  const options = names[name].map((label, code) => [code, `${visible(label) || "none (seed)"} (${figure(totals[code])})`]);
  at(name).replaceChildren(...[["", "all"], ...options].map(([value, label]) => new Option(label, value)));
}

// What is chosen of a column, null if all are.
function chosen(name) {
  return at(name).value === "" ? null : here.index.names[name][Number(at(name).value)];
}

// More texts are there: what is shown may have waited for them.
function arrived() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    if (query().length) update(page);
    else draw();
    follow();
  });
}

// Whether a tag has one of the words.
function isSought(tag) {
  return query().some((word) => tag.normalize().toLowerCase().includes(word));
}

// The entries that pass all filters, in the order that was chosen.
function matching(run) {
  const words = query(), values = run.index.columns[at("measure").value] ?? [];
  const fits = run.fitting(Object.fromEntries([...SINGLE, ...SEVERAL].map((name) => [name, chosen(name)])));
  const [least, most] = ["least", "most"].map((id) => at(id).valueAsNumber), ordered = at("order").value;
  const scored = ordered || ![least, most].every(Number.isNaN);
  const hits = [];
  for (let row = 0; row < run.count; row += 1) {
    if (!fits(row)) continue;
    if (scored && (values[row] == null || values[row] < least || values[row] > most)) continue;
    if (words.length && !(run.lower[row] && words.every((word) => run.lower[row].includes(word)))) continue;
    hits.push(row);
  }
  const sign = ordered === "high" ? -1 : 1;
  return ordered ? hits.sort((a, b) => sign * (values[a] - values[b]) || a - b) : hits;
}

function update(kept = 0) {
  if (!here.index) return;
  found = matching(here);
  keepPage(kept);
  draw();
}

function draw() {
  const parts = here.index.starts.length;
  const reading = here.parts < parts && query().length ? `, so far: ${here.parts} of ${parts} parts are read` : "";
  drawPage(item, `${figure(found.length)} of ${figure(here.count)} entries${reading}`);
  const first = found[page * PAGE];
  if (here.texts[first] && !performance.getEntriesByName("listed").length) performance.mark("listed");
}

function item(row) {
  const texts = here.texts[row];
  const link = made("a", "", line(texts), facts(row, here.names, [at("measure").value]));
  link.lastChild.append(...(texts ?? []).slice(3).filter(isSought).map((tag) => made("mark", "", tag)));
  link.dataset.row = row;
  if (texts) link.href = `#${encodeURIComponent(texts[0])}`;
  else here.need("texts", row).then(arrived);
  link.setAttribute("aria-current", String(row === opened));
  return made("li", "", link);
}

// The beginning of a text, or where the first word that was searched for stands, with all of these marked.
function line(texts) {
  const element = made("span", "line");
  element.dir = "auto";
  const [, own, given] = texts ?? ["", "…", ""];
  const words = query();
  const inOwn = !words.length || words.some((word) => own.toLowerCase().includes(word));
  const whole = (inOwn ? own : given || own).replace(/\s+/g, " ");
  const first = Math.max(0, Math.min(...words.map((word) => whole.toLowerCase().indexOf(word)).filter((place) => place >= 0)));
  const start = Number.isFinite(first) && first > WIDTH / 3 ? first - 40 : 0;
  const cut = (start ? "… " : "") + whole.slice(start, start + WIDTH);
  const sought = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  const pieces = sought ? cut.split(new RegExp(`(${sought})`, "giu")) : [cut];
  element.append(...pieces.map((piece, place) => (place % 2 ? made("mark", "", piece) : visible(piece))));
  return element;
}

// Open what the address names, as soon as its text is there.
async function follow() {
  const id = addressed(), row = here.numbers.get(id);
  if (row === undefined && id && here.complete) {
    opened = -1;
    at("tree").replaceChildren(made("p", "note", `No row ${id} is among those that are shown.`));
  }
  if (row === undefined || row === opened) return;
  opened = row;
  markCurrent(row);
  await Promise.all([here.need("texts", row), here.need("trees", row)]);
  if (opened !== row) return;
  if (!here.rests[row]) {
    at("tree").replaceChildren(made("p", "note", missing));
    return;
  }
  drawTree(at("tree"), row, here);
  if (matchMedia("(max-width: 900px)").matches) at("tree").scrollIntoView();
}

listen(update, draw, follow);

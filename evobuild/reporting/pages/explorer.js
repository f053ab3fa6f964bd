// The explorer: a list of entries to search and filter, a page at a time, and the tree of the opened one.
// A page that was opened as a file cannot fetch, so data are scripts that call take().
"use strict";

const PAGE = 50;
const WIDTH = 300;
// What an entry has one of, and what it may have several of.
const SINGLE = ["round", "domain", "operation"];
const SEVERAL = ["outcome", "shared"];
const at = (id) => document.getElementById(id);
const texts = [], lower = [], rests = [], numbers = new Map(), wanted = {};
let index, names, count = 0, read = 0, found = [], page = 0, opened = -1, waiting = false, missing = "";

// Called by the data's scripts.
function take(kind, part, content) {
  if (kind === "rows") {
    index = content;
    begin();
    return;
  }
  const start = index.starts[part];
  content.forEach((each, place) => {
    const row = start + place;
    if (kind === "trees") rests[row] = each;
    else {
      texts[row] = each;
      lower[row] = each.join("\n").normalize().toLowerCase();
      numbers.set(each[0], row);
    }
  });
}

// Read a part of the data, once.
function need(kind, part) {
  const file = `${kind}/${String(part).padStart(3, "0")}.js`;
  wanted[file] ??= new Promise((done) => {
    const script = made("script", "");
    script.src = file;
    script.onload = done;
    script.onerror = () => {
      missing = `${file} cannot be read: bring the whole folder of the explorer, as by dvc pull.`;
      done();
    };
    document.head.append(script);
  });
  return wanted[file];
}

function partOf(row) {
  let part = 0;
  while (part + 1 < index.starts.length && index.starts[part + 1] <= row) part += 1;
  return part;
}

async function begin() {
  const { columns } = index;
  count = columns.round.length;
  names = { ...columns, metrics: index.metrics };
  for (const name of SINGLE) names[name] = columns[name].map((code) => index.names[name][code]);
  for (const name of SEVERAL) {
    const sets = index.sets[name].map((set) => set.map((code) => index.names[name][code]));
    names[name] = columns[name].map((code) => sets[code]);
  }
  for (const name of [...SINGLE, ...SEVERAL]) offer(name);
  at("shared").parentElement.style.display = index.names.shared.length ? "" : "none";
  const measured = Object.entries(index.metrics).filter(([name]) => columns[name]);
  at("measure").replaceChildren(...measured.map(([name, label]) => new Option(label, name)));
  update();
  for (let part = 0; part < index.starts.length; part += 1) {
    await need("texts", part);
    read += 1;
    arrived();
  }
}

// Fill a choice with its names and how many entries have each.
function offer(name) {
  const totals = index.names[name].map(() => 0);
  if (index.sets[name]) for (const code of index.columns[name]) for (const each of index.sets[name][code]) totals[each] += 1;
  else for (const code of index.columns[name]) totals[code] += 1;
  const options = index.names[name].map((label, code) => [code, `${visible(label) || "none (seed)"} (${totals[code].toLocaleString("en")})`]);
  at(name).replaceChildren(...[["", "all"], ...options].map(([value, label]) => new Option(label, value)));
}

// More texts are there: what is shown may have waited for them.
function arrived() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    if (at("query").value.trim()) update(page);
    else draw();
    follow();
  });
}

function words() {
  return at("query").value.normalize().toLowerCase().split(/\s+/).filter(Boolean);
}

// Whether a tag has one of the words.
function isSought(tag) {
  return words().some((word) => tag.normalize().toLowerCase().includes(word));
}

// The entries that pass all filters, in the order that was chosen.
function matching() {
  const { columns } = index, query = words(), code = {};
  for (const name of [...SINGLE, ...SEVERAL]) code[name] = at(name).value === "" ? -1 : Number(at(name).value);
  const [outcomes, shared] = SEVERAL.map((name) => index.sets[name].map((set) => code[name] < 0 || set.includes(code[name])));
  const values = columns[at("measure").value] ?? [];
  const limits = ["least", "most"].map((id) => at(id).valueAsNumber), ordered = at("order").value;
  const scored = ordered || limits.some((limit) => !Number.isNaN(limit));
  const hits = [];
  for (let row = 0; row < count; row += 1) {
    if (code.round >= 0 && columns.round[row] !== code.round) continue;
    if (code.domain >= 0 && columns.domain[row] !== code.domain) continue;
    if (code.operation >= 0 && columns.operation[row] !== code.operation) continue;
    if (!outcomes[columns.outcome[row]] || !shared[columns.shared[row]]) continue;
    if (scored && (values[row] == null || values[row] < limits[0] || values[row] > limits[1])) continue;
    if (query.length && !(lower[row] && query.every((word) => lower[row].includes(word)))) continue;
    hits.push(row);
  }
  const sign = ordered === "high" ? -1 : 1;
  return ordered ? hits.sort((a, b) => sign * (values[a] - values[b]) || a - b) : hits;
}

function update(kept = 0) {
  if (!index) return;
  found = matching();
  page = Math.min(kept, Math.max(0, Math.ceil(found.length / PAGE) - 1));
  draw();
}

// Show one page of what was found.
function draw() {
  const shown = found.slice(page * PAGE, (page + 1) * PAGE);
  const focused = document.activeElement?.closest("#list a")?.dataset.row;
  at("list").replaceChildren(...shown.map(item));
  if (focused !== undefined) at("list").querySelector(`a[data-row="${focused}"]`)?.focus();
  const pages = Math.ceil(found.length / PAGE), parts = index.starts.length;
  at("page").textContent = `page ${page + 1} of ${pages.toLocaleString("en")}`;
  at("pages").hidden = pages < 2;
  at("pages").style.display = pages < 2 ? "" : "flex";
  at("previous").disabled = page === 0;
  at("next").disabled = page >= pages - 1;
  const reading = read < parts && words().length ? `, so far: ${read} of ${parts} parts are read` : "";
  at("count").textContent = missing || `${found.length.toLocaleString("en")} of ${count.toLocaleString("en")} entries${reading}`;
  if (shown.length && texts[shown[0]] && !performance.getEntriesByName("listed").length) performance.mark("listed");
}

function item(row) {
  const link = made("a", "", line(row), facts(row, names, [at("measure").value]));
  link.lastChild.append(...(texts[row] ?? []).slice(3).filter(isSought).map((tag) => made("mark", "", tag)));
  link.dataset.row = row;
  if (texts[row]) link.href = `#${encodeURIComponent(texts[row][0])}`;
  else need("texts", partOf(row)).then(arrived);
  link.setAttribute("aria-current", String(row === opened));
  return made("li", "", link);
}

// The beginning of a text, or where the first word that was searched for stands, with all of these marked.
function line(row) {
  const element = made("span", "line");
  element.dir = "auto";
  const [, own, given] = texts[row] ?? ["", "…", ""];
  const query = words();
  const inOwn = !query.length || query.some((word) => own.toLowerCase().includes(word));
  const whole = (inOwn ? own : given || own).replace(/\s+/g, " ");
  const first = Math.max(0, Math.min(...query.map((word) => whole.toLowerCase().indexOf(word)).filter((place) => place >= 0)));
  const start = Number.isFinite(first) && first > WIDTH / 3 ? first - 40 : 0;
  const cut = (start ? "… " : "") + whole.slice(start, start + WIDTH);
  const sought = query.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  const pieces = sought ? cut.split(new RegExp(`(${sought})`, "giu")) : [cut];
  element.append(...pieces.map((piece, place) => (place % 2 ? made("mark", "", piece) : visible(piece))));
  return element;
}

// What the address names; an address that is no encoding of anything names what it says.
function addressed() {
  const name = location.hash.slice(1);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

// Open what the address names, as soon as its text is there.
async function follow() {
  const id = addressed(), row = numbers.get(id);
  if (row === undefined && id && index && read === index.starts.length) {
    opened = -1;
    at("tree").replaceChildren(made("p", "note", `No row ${id} is among those that are shown.`));
  }
  if (row === undefined || row === opened) return;
  opened = row;
  for (const link of at("list").querySelectorAll("a")) link.setAttribute("aria-current", String(Number(link.dataset.row) === row));
  const part = partOf(row);
  await Promise.all([need("texts", part), need("trees", part)]);
  if (opened !== row) return;
  if (!rests[row]) {
    at("tree").replaceChildren(made("p", "note", missing));
    return;
  }
  drawTree(at("tree"), row, index.columns.parent, texts, rests, names);
  if (matchMedia("(max-width: 900px)").matches) at("tree").scrollIntoView();
}

function turn(pages) {
  page += pages;
  draw();
  at("list").parentElement.scrollTop = 0;
  at("list").querySelector("a")?.focus();
}

addEventListener("hashchange", follow);
at("filters").addEventListener("input", () => update());
at("filters").addEventListener("reset", () => setTimeout(update));
at("filters").addEventListener("submit", (event) => event.preventDefault());
at("previous").addEventListener("click", () => turn(-1));
at("next").addEventListener("click", () => turn(1));
addEventListener("keydown", (event) => {
  const field = event.target.closest("input, select, textarea");
  if (event.key === "/" && !field && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    at("query").focus();
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const links = [...at("list").querySelectorAll("a")];
  const place = links.indexOf(document.activeElement);
  if (!step || (place < 0 && event.target.id !== "query")) return;
  event.preventDefault();
  if (place + step < 0) at("query").focus();
  else links[place + step]?.focus();
});

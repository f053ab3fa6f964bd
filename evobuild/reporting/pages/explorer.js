// The explorer: a list of entries to search and filter, a page at a time, and the tree of the opened one.
"use strict";

const WIDTH = 300;
// How addresses of rows of the other run begin.
const THERE = "there/";
const here = new Run(readScript);
// listedRun: the run that the list is of. shown: the row whose tree is shown.
let listedRun = here, shown = { run: here, row: -1 }, waiting = false;

// Called by the data's scripts.
function take(kind, part, content) {
  here.take(kind, part, content);
  if (kind === "rows") begin();
}

function begin() {
  const { columns, names, metrics, lengths } = here.index;
  for (const name of [...SINGLE, ...SEVERAL]) offer(name);
  at("shared").parentElement.style.display = names.shared.length ? "" : "none";
  const measured = Object.entries(metrics).filter(([name]) => columns[name]);
  at("measure").replaceChildren(...measured.map(([name, label]) => new Option(label, name)));
  at("length").replaceChildren(...Object.entries(lengths).map(([name, label]) => new Option(label, name)));
  openOnSelected();
  update();
  here.readTexts(arrived).then(() => {
    here.completed?.();
    showMarks();
  });
}

// The page opens on the selected rows, best first, where there are any.
function openOnSelected() {
  const selected = here.index.names.outcome.indexOf("selected");
  if (selected < 0) return;
  at("outcome").value = selected;
  at("order").value = "best";
}

// Whether the list has the selected rows, best first, and nothing else was chosen.
function isOpening() {
  const fields = [...at("more").querySelectorAll("select, input")].filter(isSet).map((field) => field.id);
  return !query().length && chosen("outcome") === "selected" && at("order").value === "best" && fields.length === 2;
}

// What an entry without such a name is.
const NAMELESS = { domain: "none", operation: "none (seed)", evolver: "none (seed)", responder: "none" };

// Fill a choice with its names and how many entries have each.
function offer(name) {
  const { columns, names, sets } = here.index;
  const totals = names[name].map(() => 0);
  if (sets[name]) for (const code of columns[name]) for (const each of sets[name][code]) totals[each] += 1;
  else for (const code of columns[name]) totals[code] += 1;
  const options = names[name].map((label, code) => [code, `${visible(label) || NAMELESS[name]} (${figure(totals[code])})`]);
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
  const scored = ["high", "low"].includes(ordered) || ![least, most].every(Number.isNaN);
  const [shortest, longest] = ["shortest", "longest"].map((id) => at(id).valueAsNumber);
  const lengths = run.index.columns[at("length").value], long = ![shortest, longest].every(Number.isNaN);
  const marked = at("marked").value, differs = differing(at("against").value);
  const hits = [];
  for (let row = 0; row < run.count; row += 1) {
    if (!fits(row)) continue;
    if (scored && (values[row] == null || values[row] < least || values[row] > most)) continue;
    if (words.length && !(run.lower[row] && words.every((word) => run.lower[row].includes(word)))) continue;
    if (long && (lengths[row] == null || lengths[row] < shortest || lengths[row] > longest)) continue;
    if (marked && !(run === here && run.texts[row] && isMarked(run.texts[row][0]))) continue;
    if (differs && !differs(row)) continue;
    hits.push(row);
  }
  if (ordered === "best") {
    const places = run.index.columns.place ?? [];
    return hits.sort((a, b) => (places[a] ?? Infinity) - (places[b] ?? Infinity) || a - b);
  }
  const sign = ordered === "high" ? -1 : 1;
  return ordered ? hits.sort((a, b) => sign * (values[a] - values[b]) || a - b) : hits;
}

// Whether an entry differs from the other run as is asked for; null if nothing is.
function differing(value) {
  if (!there || !value) return null;
  if (value === "there") return (row) => alone[row];
  const [, , fits] = AGAINST.find(([name]) => name === value);
  return (row) => fits(states[row]);
}

function update(kept = 0) {
  if (!here.index) return;
  listedRun = there && at("against").value === "there" ? there : here;
  found = matching(listedRun);
  keepPage(kept);
  draw();
}

function draw() {
  const parts = here.index.starts.length;
  const reading = here.parts < parts && query().length ? `, so far: ${here.parts} of ${parts} parts are read` : "";
  const count = `${figure(found.length)} of ${figure(listedRun.count)} entries${reading}`;
  drawPage(item, isOpening() ? `${figure(found.length)} selected rows, best first` : count);
  drawElsewhere();
  const first = found[page * PAGE];
  if (listedRun.texts[first] && !performance.getEntriesByName("listed").length) performance.mark("listed");
}

// Where a row is told that is not among the trees of the page: by the server, else by a command.
function drawElsewhere() {
  const words = query(), id = words.length === 1 && /^[0-9a-f]{4,20}$/.test(words[0]) ? words[0] : "";
  at("elsewhere").hidden = !id || found.length > 0;
  const link = made("a", "", `row ${id} of all tables`);
  link.href = `/row/${id}`;
  const served = location.protocol === "http:";
  at("elsewhere").replaceChildren("Not on this page: ", served ? link : made("code", "", `evobuild explain ${id}`));
}

function item(row) {
  const texts = listedRun.texts[row];
  const link = made("a", "", line(texts), facts(row, listedRun.names, [at("measure").value]));
  link.lastChild.append(...(texts ?? []).slice(4).filter(isSought).map((tag) => made("mark", "", tag)));
  if (texts && listedRun === here && isMarked(texts[0])) link.lastChild.prepend(made("span", "marked", "\u2605 marked"));
  const place = listedRun.index.columns.place?.[row];
  if (place) link.lastChild.append(made("span", "", `no. ${figure(place)}`));
  link.dataset.row = row;
  if (texts) link.href = `#${encodeURIComponent((listedRun === there ? THERE : "") + texts[0])}`;
  else listedRun.need("texts", row).then(arrived);
  link.setAttribute("aria-current", String(listedRun === shown.run && row === shown.row));
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
  const address = addressed(), run = there && address.startsWith(THERE) ? there : here;
  const id = run === here ? address : address.slice(THERE.length), row = run.numbers.get(id);
  if (row === undefined && id && here.complete) {
    shown = { run: here, row: -1 };
    at("tree").replaceChildren(made("p", "note", `No row ${id} is among those that are shown.`));
  }
  if (row === undefined || (row === shown.row && run === shown.run)) return;
  const own = (shown = { run, row });
  markCurrent(listedRun === run ? row : -1);
  await Promise.all([run.need("texts", row), run.need("trees", row)]);
  const beside = run === here && run.rests[row] ? await besideOther(row) : [];
  if (shown !== own) return;
  if (!run.rests[row]) {
    at("tree").replaceChildren(made("p", "note", run === here ? missing : at("comparing").textContent));
    return;
  }
  drawTree(at("tree"), row, run);
  at("tree").prepend(...beside);
  if (beside.length) at("tree").scrollTop = 0;
  if (matchMedia("(max-width: 900px)").matches) at("tree").scrollIntoView();
}

// Show the list and the tree anew, as there is another run now.
function reopen() {
  shown = { run: here, row: -1 };
  update();
  follow();
}

addEventListener("keydown", (event) => {
  if (isTyping(event)) return;
  if (event.key === "?") at("help").showModal();
  if (event.key === "r") at("render").click();
});
at("keys").addEventListener("click", () => at("help").showModal());
listen(update, draw, follow);

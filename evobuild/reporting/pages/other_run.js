// Another run beside this one: its explorer's folder is read from the disk, and nothing of it leaves the browser. Rows are
// paired by id, else as children of paired parents in the same round: so each run shows what it made of the same row.
"use strict";

const [PAIRED, TEXT, ANSWER, SCORES, OUTCOME, ALONE] = [1, 2, 4, 8, 16, 32];
const AGAINST = [
  ["", "all", () => true],
  ["same", "the same", (state) => state === PAIRED],
  ["text", "another instruction", (state) => state & TEXT],
  ["answer", "another answer", (state) => state & ANSWER],
  ["scores", "other scores", (state) => state & SCORES],
  ["outcome", "another outcome", (state) => state & OUTCOME],
  ["here", "only here", (state) => state & ALONE],
];
// there: the other run; pairs: its row for each of this run's, -1 if none; states: how each differs, 0 for an attempt.
let there = null, pairs = [], states = [], alone = [];

// Read a run from files by their paths. Fails if they are not those of an explorer.
async function readOther(files) {
  const index = [...files.keys()].filter((path) => /(^|\/)rows\.js$/.test(path)).sort((a, b) => a.length - b.length)[0];
  if (index === undefined) throw new Error("no rows.js lies in it: choose the folder data/explorer of the other run");
  const base = index.slice(0, -"rows.js".length);
  const read = async (name) => {
    const file = files.get(base + name);
    if (!file) throw new Error(`${base}${name} is missing: bring the whole folder, as by dvc pull`);
    const source = await file.text(), begin = /^take\("(\w+)", (\d+), /.exec(source);
    if (!begin || !source.endsWith(");\n")) throw new Error(`${base}${name} is no data of an explorer`);
    run.take(begin[1], Number(begin[2]), JSON.parse(source.slice(begin[0].length, -3)));
  };
  // What is read later only one row lacks.
  const run = new Run((name) => read(name).catch((error) => {
    if (!there) throw error;
    sayComparing(`${error.message}.`);
  }));
  await run.read("rows.js");
  if (!run.index.lengths) throw new Error("it was written by another version of evobuild: run its stage report again");
  run.title = base.replace(/\/$/, "") || "the other run";
  await run.readTexts(() => sayComparing(`Reading the other run: ${run.parts} of ${run.index.starts.length} parts`));
  return run;
}

// The row of another run for each row of one, -1 where it has none.
function pairRows(one, other) {
  const pair = new Int32Array(one.count).fill(-1), taken = new Set(), waiting = new Map();
  const rows = [...Array(one.count).keys()].filter((row) => one.isRow(row));
  for (const row of rows) {
    pair[row] = other.numbers.get(one.texts[row][0]) ?? -1;
    taken.add(pair[row]);
  }
  const { parent } = other.index.columns;
  for (let row = 0; row < other.count; row += 1) {
    if (taken.has(row) || !other.isRow(row) || parent[row] < 0) continue;
    const key = `${parent[row]} ${other.names.round[row]}`;
    if (waiting.has(key)) waiting.get(key).push(row);
    else waiting.set(key, [row]);
  }
  // Parents come before their children.
  for (const row of rows) {
    const above = one.index.columns.parent[row];
    if (pair[row] >= 0 || above < 0 || pair[above] < 0) continue;
    pair[row] = waiting.get(`${pair[above]} ${one.names.round[row]}`)?.shift() ?? -1;
  }
  return pair;
}

// How a row of one run differs from its pair in another.
function stateOf(one, row, other, pair) {
  if (!one.isRow(row)) return 0;
  if (pair < 0) return ALONE;
  const [[, text, given, answer], [, otherText, otherGiven, otherAnswer]] = [one.texts[row], other.texts[pair]];
  const metrics = Object.keys({ ...one.index.metrics, ...other.index.metrics });
  const value = (run, at, name) => run.index.columns[name]?.[at] ?? null;
  let state = PAIRED;
  if (text !== otherText || given !== otherGiven) state |= TEXT;
  if (answer !== otherAnswer) state |= ANSWER;
  if (metrics.some((name) => value(one, row, name) !== value(other, pair, name))) state |= SCORES;
  if (one.names.outcome[row].join("\n") !== other.names.outcome[pair].join("\n")) state |= OUTCOME;
  return state;
}

// Compare this run with another, and offer how rows differ as a filter.
function compareWith(run) {
  pairs = pairRows(here, run);
  states = [...Array(here.count).keys()].map((row) => stateOf(here, row, run, pairs[row]));
  const paired = new Set(pairs);
  alone = [...Array(run.count).keys()].map((row) => run.isRow(row) && !paired.has(row));
  there = run;
  const totals = AGAINST.slice(1).map(([value, label, fits]) => [value, `${label} (${figure(states.filter(fits).length)})`]);
  const others = ["there", `only there (${figure(alone.filter(Boolean).length)})`];
  at("against").replaceChildren(...[["", "all"], ...totals, others].map(([value, label]) => new Option(label, value)));
  at("against").parentElement.hidden = false;
  const rows = alone.filter((_, row) => run.isRow(row)).length;
  sayComparing(`Compared with ${run.title}: ${figure(rows)} rows, ${figure(pairs.filter((row) => row >= 0).length)} of them in both.`);
  reopen();
}

function sayComparing(text) {
  at("comparing").textContent = visible(text);
}

// Take a folder that was chosen.
async function openOther(list) {
  if (!list.length) return;
  try {
    const files = new Map([...list].map((file) => [file.webkitRelativePath || file.name, file]));
    const run = await readOther(files);
    if (!here.complete) await new Promise((done) => (here.completed = done));
    compareWith(run);
  } catch (error) {
    sayComparing(`This folder cannot be compared: ${error.message}.`);
  }
}

// A row of this run and its pair side by side; nothing if it has none.
async function besideOther(row) {
  const pair = there ? pairs[row] : -1;
  if (pair < 0) return [];
  await Promise.all([there.need("trees", pair), here.need("trees", row)]);
  if (!there.rests[pair]) return [];
  const [[, text_, given], [otherId, otherText, otherGiven]] = [here.texts[row], there.texts[pair]];
  const link = made("a", "mono", otherId);
  link.href = `#${encodeURIComponent(THERE + otherId)}`;
  const box = made("section", "beside", made("h3", "", "This run"), made("h3", "", "The other run: ", link));
  box.setAttribute("aria-label", "Both runs");
  const same = text_ === otherText && given === otherGiven;
  box.append(made("div", "", prose("", text_), ...(given ? [prose("given", given)] : [])));
  box.append(made("div", "", ...(same ? [made("p", "note", "The same instruction.")] : compared(text_, otherText)),
    ...(same || !otherGiven ? [] : [prose("given", otherGiven)])));
  const [own, others] = [here.rests[row][4], there.rests[pair][4]];
  box.append(answerBox(own), own !== null && own === others ? made("p", "note", "The same answer.") : answerBox(others));
  box.append(scoresOf(here, row, there, pair), scoresOf(there, pair, here, row));
  return [box];
}

function answerBox(answer) {
  return answer === null ? made("p", "note", "No answer.") : folded("answer", answer, true);
}

// Scores and outcome of a row, with those marked that its pair has not.
function scoresOf(run, row, other, pair) {
  const list = made("dl", "");
  const line = (name, own, others) => list.append(made("dt", "", name), made("dd", "", own === others ? own : made("mark", "", own)));
  line("outcome", run.names.outcome[row].join(", "), other.names.outcome[pair].join(", "));
  for (const [name, label] of Object.entries(run.index.metrics)) {
    const [own, others] = [[run, row], [other, pair]].map(([each, place]) => each.index.columns[name]?.[place] ?? null);
    if (own !== null || others !== null) line(label, `${own ?? "none"}`, `${others ?? "none"}`);
  }
  return list;
}

at("compare").addEventListener("click", () => at("folder").click());
at("folder").addEventListener("change", () => openOther(at("folder").files));

// The page of a benchmark: a list of its items to search and filter, a page at a time, and the opened one.
// Data are scripts that call take().
"use strict";

const WENT = ["not asked", "scored", "unknown", "lost"];
const [SCORED, UNKNOWN, LOST] = [1, 2, 3];
const texts = [], lower = [], wanted = {};
let index, places, count = 0, read = 0, opened = -1, reading = false;

// Called by the data's scripts.
function take(kind, part, content) {
  if (kind === "items") {
    index = content;
    begin();
    return;
  }
  content.forEach((each, place) => {
    const item = index.starts[part] + place;
    texts[item] = each;
    lower[item] = words(each).join("\n").normalize().toLowerCase();
  });
}

// All texts of an item.
function words(each) {
  if (typeof each === "string") return [each];
  return Array.isArray(each) ? each.flatMap(words) : [];
}

// Read a part of the data, once.
function need(part) {
  const file = `${document.body.dataset.benchmark}/${String(part).padStart(3, "0")}.js`;
  wanted[file] ??= readScript(file).then(() => {
    read += 1;
  });
  return wanted[file];
}

function begin() {
  count = index.items.length;
  places = new Map(index.items.map((id, item) => [id, item]));
  const groups = index.groups.map((label, code) => new Option(visible(label) || "none", code));
  at("group").replaceChildren(new Option("all", ""), ...groups);
  at("group").parentElement.style.display = index.groups.length > 1 ? "" : "none";
  at("model").replaceChildren(new Option("any", ""), ...index.models.map((name) => new Option(name, name)));
  const graded = index.graded ? ["right", "wrong", "partly right"] : [];
  at("went").replaceChildren(...["", ...graded, ...WENT].map((each) => new Option(each || "anyhow", each)));
  update();
  follow();
}

// How an item went with a model, in a word.
function went(model, item) {
  const state = index.states[model][item], score = index.scores[model][item];
  if (state !== SCORED || !index.graded) return WENT[state];
  return score === 1 ? "right" : score === 0 ? "wrong" : "partly right";
}

function known(item, models = index.models) {
  return models.map((model) => index.scores[model][item]).filter((score) => score !== null);
}

// How far apart the scores of an item lie; -1 where fewer than two models have one.
function spread(item) {
  const scores = known(item);
  return scores.length < 2 ? -1 : Math.max(...scores) - Math.min(...scores);
}

// Whether one of some models went as is asked for.
function fits(item, models, wish, least, most) {
  return models.some((model) => {
    const score = index.scores[model][item];
    const named = !wish || went(model, item) === wish || WENT[index.states[model][item]] === wish;
    const inside = (Number.isNaN(least) && Number.isNaN(most)) || (score !== null && !(score < least) && !(score > most));
    return named && inside;
  });
}

// The items that pass all filters, in the order that was chosen.
function matching() {
  const sought = query(), group = at("group").value, agree = at("agree").value, order = at("order").value;
  const models = at("model").value ? [at("model").value] : index.models;
  const [least, most] = ["least", "most"].map((id) => at(id).valueAsNumber);
  const hits = [];
  for (let item = 0; item < count; item += 1) {
    if (group !== "" && index.group[item] !== Number(group)) continue;
    if (!fits(item, models, at("went").value, least, most)) continue;
    if (agree && (agree === "differ" ? !(spread(item) > 0) : spread(item) !== 0)) continue;
    const own = `${index.items[item]}\n${lower[item] ?? index.heads[item]}`.toLowerCase();
    if (sought.length && !sought.every((word) => own.includes(word))) continue;
    hits.push(item);
  }
  const mean = (item) => known(item, models).reduce((sum, score, _, all) => sum + score / all.length, 0);
  const values = { spread: (item) => -spread(item), high: (item) => -mean(item), low: mean };
  if (!order) return hits;
  const there = order === "spread" ? hits : hits.filter((item) => known(item, models).length);
  const keys = new Map(there.map((item) => [item, values[order](item)]));
  return there.sort((a, b) => keys.get(a) - keys.get(b) || a - b);
}

function update(kept = 0) {
  if (!index) return;
  found = matching();
  keepPage(kept);
  draw();
  if (query().length) readAll();
}

// A search looks into all texts: they are read one part after another, while what is found so far is shown.
async function readAll() {
  if (reading) return;
  reading = true;
  for (let part = 0; part < index.starts.length && query().length; part += 1) {
    await need(part);
    found = matching();
    draw();
  }
  reading = false;
}

function draw() {
  const parts = index.starts.length;
  const partly = read < parts && query().length ? `, so far: ${read} of ${parts} parts are read` : "";
  drawPage(line, `${figure(found.length)} of ${figure(count)} items${partly}`);
}

// How an item went with a model, as a mark.
function mark(model, item) {
  const score = index.scores[model][item], word = went(model, item);
  const kind = index.graded && score !== null ? (score === 1 ? "right" : score === 0 ? "wrong" : "") : "";
  return made("span", `verdict ${kind}`, `${model} ${score === null ? word : Number(score.toPrecision(4))}`);
}

function line(item) {
  const head = made("span", "line", index.heads[item]);
  head.dir = "auto";
  const about = made("span", "about", made("b", "", index.items[item].slice(0, 80)));
  const group = index.groups[index.group[item]];
  if (group) about.append(made("bdi", "", group));
  const link = made("a", "", head, about, made("span", "scores", ...index.models.map((model) => mark(model, item))));
  link.dataset.row = item;
  link.href = `#${encodeURIComponent(index.items[item])}`;
  link.setAttribute("aria-current", String(item === opened));
  return made("li", "", link);
}

async function follow() {
  const id = addressed();
  if (!index || !id) return;
  const item = places.get(id);
  if (item === undefined) {
    opened = -1;
    at("tree").replaceChildren(made("p", "note", `No item ${id} is among those that are shown.`));
  }
  if (item === undefined || item === opened) return;
  opened = item;
  markCurrent(item);
  await need(partAmong(index.starts, item));
  if (opened !== item) return;
  at("tree").replaceChildren(...(texts[item] ? whole(item) : [made("p", "note", missing)]));
  at("tree").scrollTop = 0;
  if (matchMedia("(max-width: 900px)").matches) at("tree").scrollIntoView();
}

// An item in full: its prompt, each model's replies side by side, and what the judge compared.
function whole(item) {
  const [models, pairs] = texts[item];
  const group = index.groups[index.group[item]];
  const boxes = models.map((each, place) => (each ? column(index.models[place], item, each) : null)).filter(Boolean);
  const title = made("h2", "", "Item ", made("span", "mono", index.items[item]));
  return [title, ...(group ? [made("p", "note", group)] : []), made("div", "replies", ...boxes), ...pairs.map(compared)];
}

function column(model, item, [reason, ...rest]) {
  const box = made("section", "", made("h3", "", mark(model, item)));
  if (reason !== null) {
    const [detail, reply] = rest;
    box.append(made("p", "lost-at", `lost: ${reason}${detail ? ` (${detail})` : ""}`));
    if (reply) box.append(folded(`the reply, ${reply.length} characters`, reply));
    return box;
  }
  const [replies] = rest;
  for (const [part, prompt, reply, score, checks, judgment] of replies) {
    const value = score === null ? "unknown" : Number(score.toPrecision(4));
    if (replies.length > 1) box.append(made("p", "facts", `part ${part}: ${value}`));
    box.append(prompt === null ? made("p", "note", "The same prompt.") : prose("given", prompt));
    box.append(reply ? prose("reply", reply) : made("p", "note", "The reply was empty."));
    const marks = checks.map(([name, value]) => made("bdi", `verdict ${{ 1: "right", 0: "wrong" }[value] ?? ""}`, `${name} ${value ?? "unknown"}`));
    if (marks.length) box.append(made("p", "about checks", ...marks));
    if (judgment) box.append(folded(`the judge, ${judgment.length} characters`, judgment));
  }
  return box;
}

function compared([a, b, part, verdict, consistent, first, second]) {
  const said = { win: `${a} wins over ${b}`, tie: `${a} and ${b} tie`, lose: `${b} wins over ${a}` }[verdict];
  const orders = consistent === null ? "" : consistent ? ", the same in both orders" : ", the orders disagree";
  const box = made("article", "judged", made("p", "about", made("b", "", said ?? `${a} against ${b}: no verdict`), `part ${part}${orders}`));
  if (first) box.append(folded(`the judge, ${a} first`, first));
  if (second) box.append(folded(`the judge, ${b} first`, second));
  return box;
}

listen(update, draw, follow);

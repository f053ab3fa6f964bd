// What a build took: the last run of each stage, which run.js beside the page gives, summed up by kind of stage.
"use strict";

const DEAREST = 4;  // stages named in the sentence, those that took longest
const number = (value) => value.toLocaleString("en-US");

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60) % 60;
  const two = (part) => String(part).padStart(2, "0");
  return whole < 3600 ? `${minutes} min ${two(whole % 60)} s` : `${Math.floor(whole / 3600)} h ${two(minutes)} min`;
}

function money(cost) {
  return cost === null ? "unknown" : cost === 0 ? "0" : cost.toLocaleString("en-US", {maximumSignificantDigits: 4});
}

function sumOf(runs) {
  const sum = (name) => runs.reduce((total, run) => total + (run[name] ?? 0), 0);
  const cost = runs.some((run) => run.cost === null) ? null : sum("cost");
  return {runs: runs.length, seconds: sum("seconds"), calls: sum("calls"), stored: sum("stored"), cost,
    tokens: sum("prompt_tokens") + sum("completion_tokens"), rows_in: sum("rows_in"), rows_out: sum("rows_out"),
    counted: runs.some((run) => run.rows_in !== null)};
}

function element(kind, text, attributes = {}) {
  const made = document.createElement(kind);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function line(name, sum, kind) {
  const row = element("tr", "", kind ? {class: kind} : {});
  row.append(element("th", name, {scope: "row"}));
  const rows = sum.counted ? [number(sum.rows_in), number(sum.rows_out)] : ["–", "–"];
  const cells = [number(sum.runs), ...rows, number(sum.calls), number(sum.stored), number(sum.tokens), money(sum.cost),
    duration(sum.seconds)];
  for (const cell of cells) row.append(element("td", cell, {class: "n"}));
  return row;
}

function tableOf(kinds, all) {
  const [table, top, head, body] = ["table", "thead", "tr", "tbody"].map((kind) => document.createElement(kind));
  const titles = ["Stage", "Runs", "Rows in", "Rows out", "Calls", "Stored replies", "Tokens", "Cost", "Time"];
  head.append(...titles.map((title, place) => element("th", title, {scope: "col", class: place ? "n" : ""})));
  top.append(head);
  body.append(...[...kinds].map(([name, runs]) => line(name, sumOf(runs))));
  body.append(line("All", {...all, counted: false}, "sum"));
  table.append(element("caption", "What every stage took, in its last run"), top, body);
  return table;
}

function sentence(kinds, all, missing) {
  const longest = [...kinds].map(([name, runs]) => [name, sumOf(runs).seconds]).sort((one, other) => other[1] - one[1]);
  const named = longest.slice(0, DEAREST).map(([name, seconds]) => `${name} ${duration(seconds)}`).join(", ");
  const calls = `${number(all.calls)} calls (${number(all.stored)} more were answered by stored replies)`;
  const lacking = missing ? ` Of ${number(missing)} more stages no run is known here.` : "";
  return `${duration(all.seconds)} in all stages, each in its last run: ${named}. ${calls}, `
    + `${number(all.tokens)} tokens, cost ${money(all.cost)}.${lacking}`;
}

function showRuns(given) {
  const place = document.getElementById("runs"), stages = JSON.parse(place.dataset.stages);
  const order = new Map(stages.map((stage, at) => [stage, at]));
  // A stage that is run for what no param of the report names, such as fetch, stands there without it.
  const at = (run) => order.get(run.stage) ?? order.get(run.stage.split("@")[0]);
  const runs = given.filter((run) => at(run) !== undefined).sort((one, other) => at(one) - at(other));
  if (!runs.length) return;
  const kinds = new Map();
  for (const run of runs) {
    const name = run.stage.split("@")[0];
    kinds.set(name, [...(kinds.get(name) ?? []), run]);
  }
  const all = sumOf(runs), known = new Set(runs.map((run) => run.stage));
  const missing = stages.filter((stage) => stage !== "fetch" && !known.has(stage)).length;
  document.getElementById("took").textContent = sentence(kinds, all, missing);
  const box = element("div", "", {class: "box"});
  box.append(tableOf(kinds, all));
  place.querySelector(".box")?.remove();
  place.append(box);
  place.hidden = false;
  const last = runs.reduce((one, other) => (other.started > one.started ? other : one));
  const commits = new Set(runs.map((run) => run.commit)).size;
  const others = commits > 1 ? `, some stages at ${number(commits - 1)} other${commits > 2 ? "s" : ""}` : "";
  const commit = last.commit ? `Commit ${last.commit}` : "No commit is known";
  document.getElementById("commit").textContent = `${commit}${others}; evobuild ${last.version}.`;
}

if (window.evobuildRuns) showRuns(window.evobuildRuns);

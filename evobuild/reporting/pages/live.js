// How far a run is, asked of `evobuild serve` every two seconds. All that it says is shown as text.
"use strict";

const EVERY = 2000;
const at = (id) => document.getElementById(id);
const number = (value) => (value ?? null) === null ? "–" : value.toLocaleString("en-US");

function cell(kind, text, attributes = {}) {
  const made = document.createElement(kind);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

function stateOf(stage, now) {
  if (now) {
    const total = now.total ?? null, of = total === null ? "" : ` of ${number(total)}`;
    return now.done === undefined ? "running" : `running: ${number(now.done)}${of} replies`;
  }
  if (stage.off) return "off";
  return stage.started ? `ran, ${new Date(stage.started).toLocaleString()}` : "has not run here";
}

function rowOf(stage, now) {
  const row = cell("tr", "", now ? {class: "chosen"} : {});
  row.append(cell("th", stage.stage, {scope: "row"}), cell("td", stateOf(stage, now)),
    cell("td", number(stage.rows_in), {class: "n"}), cell("td", number(stage.rows_out), {class: "n"}),
    cell("td", stage.seconds === undefined ? "–" : `${stage.seconds.toFixed(1)} s`, {class: "n"}));
  return row;
}

// A screen reader says what changes, so what stays is left alone.
function say(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

function showStages(status) {
  const running = new Map(status.running.map((each) => [each.stage, each]));
  const known = new Set(status.stages.map((stage) => stage.stage));
  const others = status.running.filter((each) => !known.has(each.stage)).map(({stage}) => ({stage}));
  const all = [...status.stages, ...others], off = all.filter((stage) => stage.off && !running.has(stage.stage));
  const on = all.filter((stage) => !off.includes(stage));
  at("stages").replaceChildren(...on.map((stage) => rowOf(stage, running.get(stage.stage))));
  at("off").hidden = !off.length;
  say("off-count", `${number(off.length)} ${off.length === 1 ? "stage is" : "stages are"} off`);
  say("off-names", off.map((stage) => stage.stage).join(", "));
  const ran = on.filter((stage) => stage.started).length;
  const names = status.running.map((each) => each.stage).join(", ");
  const said = names ? `Running: ${names}.` : status.busy ? "DVC is at work." : "Nothing runs.";
  say("said", `${said} ${ran} of ${on.length} stages have run here.`);
}

function showFigures({left, taken}) {
  at("figures").hidden = false;
  const unknown = left?.unknown.length ?? 0;
  const others = unknown ? ` and ${number(unknown)} ${unknown === 1 ? "stage" : "stages"} of unknown time` : "";
  say("left", left ? `${duration(left.seconds)}${others}` : "–");
  say("tokens", number(taken.tokens));
  say("calls", `${number(taken.calls)} (${number(taken.stored)} more from the reply cache)`);
  say("cost", taken.cost === null ? "unknown" : taken.cost.toLocaleString("en-US", {maximumSignificantDigits: 4}));
}

function showNewest(newest) {
  const key = JSON.stringify(newest);
  at("newest-part").hidden = !newest.length;
  if (at("newest").dataset.shown === key) return;
  at("newest").dataset.shown = key;
  at("newest").replaceChildren(...newest.map((each) => {
    const box = cell("article", "", {class: "lineage"}), head = cell("header", ""), parts = cell("div", "", {class: "steps"});
    head.append(cell("b", `${each.stage}, ${each.role}`), cell("span", each.row, {class: "mono"}));
    for (const [title, text] of [["prompt", each.prompt], ["reply", each.reply]]) {
      const part = cell("section", "", {class: "step"});
      part.append(cell("h4", title), cell("div", text || "empty", {class: "text", dir: "auto"}));
      parts.append(part);
    }
    box.append(head, parts);
    return box;
  }));
}

function show(status) {
  showStages(status);
  showFigures(status);
  showNewest(status.newest);
  at("links").hidden = status.report === null;
  say("problem", status.problem);
}

async function ask() {
  try {
    const answer = await fetch("status.json", {cache: "no-store"});
    if (answer.ok) show(await answer.json());
  } catch {
    say("said", "evobuild serve does not answer; it may have ended.");
  }
  setTimeout(ask, EVERY);
}

ask();

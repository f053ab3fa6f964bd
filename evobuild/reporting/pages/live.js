// How far a build is, asked of `evobuild serve` every two seconds. All that it says is shown as text.
"use strict";

const EVERY = 2000;
const number = (value) => (value ?? null) === null ? "–" : value.toLocaleString("en-US");

function cell(kind, text, attributes = {}) {
  const made = document.createElement(kind);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function stateOf(stage, now) {
  if (now) return now.done === undefined ? "runs" : `runs: ${number(now.done)} of ${number(now.total)} replies`;
  if (!stage.started) return "has not run here";
  return `${stage.off ? "switched off" : "ran"}, ${new Date(stage.started).toLocaleString()}`;
}

function show(status) {
  const running = new Map(status.running.map((each) => [each.stage, each]));
  const known = new Set(status.stages.map((stage) => stage.stage));
  const others = status.running.filter((each) => !known.has(each.stage)).map(({stage}) => ({stage}));
  const rows = [...status.stages, ...others].map((stage) => {
    const now = running.get(stage.stage), row = cell("tr", "", now ? {class: "chosen"} : {});
    row.append(cell("th", stage.stage, {scope: "row"}), cell("td", stateOf(stage, now)),
      cell("td", number(stage.rows_in), {class: "n"}), cell("td", number(stage.rows_out), {class: "n"}),
      cell("td", stage.seconds === undefined ? "–" : `${stage.seconds.toFixed(1)} s`, {class: "n"}));
    return row;
  });
  document.getElementById("stages").replaceChildren(...rows);
  const ran = status.stages.filter((stage) => stage.started).length;
  const names = status.running.map((each) => each.stage).join(", ");
  const said = names ? `Running: ${names}.` : status.busy ? "DVC is at work." : "Nothing runs.";
  const text = `${said} ${ran} of ${status.stages.length} stages have run here.`;
  const place = document.getElementById("said");
  // A screen reader says what changes, so what stays is left alone.
  if (place.textContent !== text) place.textContent = text;
  document.getElementById("links").hidden = status.report === null;
  document.getElementById("problem").textContent = status.problem;
}

async function ask() {
  try {
    const answer = await fetch("status.json", {cache: "no-store"});
    if (answer.ok) show(await answer.json());
  } catch {
    document.getElementById("said").textContent = "evobuild serve does not answer; it may have ended.";
  }
  setTimeout(ask, EVERY);
}

ask();

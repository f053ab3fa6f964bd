// Where `evobuild serve` gives the report: what runs is said at its head, and a new report takes its place.
"use strict";

const ASKED_EVERY = 2000, FOLDS = "evobuild folds";

function openFolds() {
  return [...document.querySelectorAll("details.part[open] h2")].map((title) => title.id);
}

function keepFolds() {
  sessionStorage.setItem(FOLDS, JSON.stringify(openFolds()));
  location.reload();
}

function sayWhatRuns(status) {
  const place = document.getElementById("live");
  const names = status.running.map(({stage, done, total}) =>
    done === undefined ? stage : `${stage}, ${done} of ${total ?? "?"} replies`);
  const text = names.length ? `Running now: ${names.join("; ")}. This report is of the last run. ` : "";
  if (place.firstChild?.textContent !== text) {
    place.replaceChildren(text, Object.assign(document.createElement("a"), {href: "live.html", textContent: "Follow the run"}));
  }
  place.hidden = !text;
}

async function watch(stamp) {
  try {
    const answer = await fetch("status.json", {cache: "no-store"});
    if (answer.ok) {
      const status = await answer.json();
      if (stamp !== undefined && status.report !== null && status.report !== stamp) return keepFolds();
      stamp = status.report ?? stamp;
      sayWhatRuns(status);
    }
  } catch {
    document.getElementById("live").hidden = true;
  }
  setTimeout(watch, ASKED_EVERY, stamp);
}

if (location.protocol === "http:") {
  for (const id of JSON.parse(sessionStorage.getItem(FOLDS) ?? "[]")) openTo(document.getElementById(id));
  sessionStorage.removeItem(FOLDS);
  watch();
}

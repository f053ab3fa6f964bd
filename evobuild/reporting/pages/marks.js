// Marked rows: kept in the browser by their ids, and exported as a list, a line an id, which `select.exclude` takes.
"use strict";

const MARKS = "evobuild.marks";
const LIST = "marked.txt";
let marks = keptMarks();

// What the browser keeps; nothing, if it is no list of ids.
function keptMarks() {
  try {
    return new Set(JSON.parse(kept(MARKS) ?? "[]").filter((id) => typeof id === "string"));
  } catch {
    return new Set();
  }
}

function isMarked(id) {
  return marks.has(id);
}

// The marked rows of this run: others may be of another one, and stay as they are.
function ownMarks() {
  return [...marks].filter((id) => here.numbers.has(id)).sort();
}

function setMarks(change) {
  // Another window may have marked rows since.
  marks = new Set([...keptMarks(), ...marks]);
  change();
  kept(MARKS, JSON.stringify([...marks]));
  showMarks();
}

function toggleMark(row) {
  if (!here.isRow(row) || !here.texts[row]) return;
  const [id] = here.texts[row], was = isMarked(id);
  setMarks(() => (was ? marks.delete(id) : marks.add(id)));
}

// A button that marks a row.
function markButton(id) {
  const button = made("button", "mark", "");
  button.type = "button";
  button.dataset.mark = id;
  button.addEventListener("click", () => toggleMark(here.numbers.get(id)));
  showMark(button);
  return button;
}

function showMark(button) {
  const marked = isMarked(button.dataset.mark);
  button.setAttribute("aria-pressed", String(marked));
  button.textContent = marked ? "\u2605 Marked" : "\u2606 Mark";
}

// Show in the list, in the tree and above both which rows are marked.
function showMarks() {
  const own = ownMarks();
  document.querySelectorAll("[data-mark]").forEach(showMark);
  at("marks").hidden = false;
  at("export").disabled = at("unmark").disabled = own.length === 0;
  at("marked-count").textContent = `${figure(own.length)} ${own.length === 1 ? "row" : "rows"} marked`;
  if (at("marked").value) update(page);
  else draw();
}

function exportMarks() {
  const link = made("a", "");
  link.href = URL.createObjectURL(new Blob([ownMarks().map((id) => `${id}\n`).join("")], { type: "text/plain" }));
  link.download = LIST;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  const place = `data/raw/${LIST}`;
  at("marked-count").textContent = `Put ${LIST} into data/raw; dvc exp run -S select.exclude=${place} leaves these rows out.`;
}

// Mark the rows of a list, as one that was exported: of another browser, or another address of this page.
async function importMarks([file]) {
  if (!file) return;
  const ids = (await file.text()).split("\n").map((line) => line.trim()).filter((id) => here.numbers.has(id) && here.isRow(here.numbers.get(id)));
  setMarks(() => ids.forEach((id) => marks.add(id)));
  at("list-file").value = "";
}

at("export").addEventListener("click", exportMarks);
at("import").addEventListener("click", () => at("list-file").click());
at("list-file").addEventListener("change", () => importMarks([...at("list-file").files]));
at("unmark").addEventListener("click", () => setMarks(() => ownMarks().forEach((id) => marks.delete(id))));
addEventListener("storage", (event) => {
  if (event.key !== MARKS) return;
  marks = keptMarks();
  showMarks();
});
addEventListener("keydown", (event) => {
  if (event.key !== "m" || isTyping(event)) return;
  const focused = document.activeElement?.closest("#list a")?.dataset.row;
  if (listedRun === here && focused !== undefined) toggleMark(Number(focused));
  else if (shown.run === here && shown.row >= 0) toggleMark(shown.row);
});

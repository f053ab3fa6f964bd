// The tree of a row: the seed row, what each round made of it, and where attempts and rows were lost.
"use strict";

// Characters of scripts without spaces are compared one by one.
const DENSE = "\\u3040-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff";
const WORDS = new RegExp(`[${DENSE}]\\s*|[^\\s${DENSE}]+\\s*|\\s+`, "g");
// Pairs of words that are compared at most; a pair takes two bytes and some nanoseconds.
const MOST_PAIRS = 4e6;

// Compare two texts word by word: [["equal" | "insert" | "delete", text], ...]; null if they are too long.
// The space after a word is no part of it: a last word stays the same when more follows.
function difference(before, after) {
  const older = before.match(WORDS) ?? [], newer = after.match(WORDS) ?? [];
  const same = (i, j) => older[i].trim() === newer[j].trim();
  let start = 0, tail = 0;
  const least = Math.min(older.length, newer.length);
  while (start < least && same(start, start)) start += 1;
  while (tail < least - start && same(older.length - 1 - tail, newer.length - 1 - tail)) tail += 1;
  const rows = older.length - tail - start, columns = newer.length - tail - start;
  if (rows * columns > MOST_PAIRS) return null;
  // common[i, j]: words that the rest of both has in common, from word i of one and j of the other.
  const width = columns + 1, common = new Uint16Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i -= 1) {
    for (let j = columns - 1; j >= 0; j -= 1) {
      const [down, right] = [common[(i + 1) * width + j], common[i * width + j + 1]];
      common[i * width + j] = same(start + i, start + j) ? common[(i + 1) * width + j + 1] + 1 : Math.max(down, right);
    }
  }
  const parts = [];
  const add = (kind, word) => {
    if (parts.at(-1)?.[0] === kind) parts.at(-1)[1] += word;
    else parts.push([kind, word]);
  };
  newer.slice(0, start).forEach((word) => add("equal", word));
  let i = 0, j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && same(start + i, start + j)) {
      add("equal", newer[start + j]);
      [i, j] = [i + 1, j + 1];
    } else if (i < rows && (j === columns || common[(i + 1) * width + j] >= common[i * width + j + 1])) {
      add("delete", older[start + i]);
      i += 1;
    } else {
      add("insert", newer[start + j]);
      j += 1;
    }
  }
  newer.slice(newer.length - tail).forEach((word) => add("equal", word));
  return parts;
}

function compared(before, after) {
  const parts = difference(before, after);
  if (!parts) return [made("p", "note", "Too long to be compared word by word."), text("", after)];
  const shown = { equal: (word) => visible(word), insert: (word) => made("ins", "", word), delete: (word) => made("del", "", word) };
  return [text("", ...parts.map(([kind, word]) => shown[kind](word)))];
}

// What models were asked about an entry and what they replied, read when it is unfolded.
function asked(row, run) {
  const details = made("details", "calls", made("summary", "", "Prompts and replies"));
  details.addEventListener("toggle", async () => {
    if (!details.open || details.children.length > 1) return;
    await run.need("calls", row);
    if (details.children.length > 1) return;
    const calls = run.calls[row] ? run.callsOf(row) : [];
    details.append(...(calls.length ? calls.map(call) : [made("p", "note", missing || "No model was asked about it.")]));
  });
  return details;
}

function call([role, model, source, prompt, thought, reply]) {
  const box = made("section", "", made("h3", "", `${role} `, made("span", "mono", model)));
  if (prompt) box.append(folded(`prompt, rendered from ${source}`, prompt, true));
  else box.append(made("p", "note", `The prompt cannot be rendered: ${source}.`));
  if (thought) box.append(folded("thoughts before the reply", thought));
  if (reply) box.append(folded(`the reply, ${reply.length} characters`, reply, true));
  else if (role === "judge") box.append(made("p", "note", "The reply was read; its text is in the reply cache alone."));
  return box;
}

// What is said of an entry in a line.
function facts(row, names, measures) {
  const about = made("span", "about", made("b", "", names.round[row]));
  for (const each of [names.domain[row], names.operation[row]]) if (each) about.append(made("bdi", "", each));
  for (const each of names.outcome[row]) {
    const kind = each === "selected" ? "selected" : each.includes(": ") && !each.startsWith("select: ") ? "lost" : "";
    about.append(made("bdi", `outcome ${kind}`, each));
  }
  for (const each of names.shared[row]) about.append(made("bdi", "outcome lost", `shares text with ${each}`));
  for (const measure of measures) {
    const value = names[measure]?.[row] ?? null;
    if (value !== null) about.append(made("span", "", `${names.metrics[measure]} ${Number(value.toPrecision(4))}`));
  }
  return about;
}

function address(id, run) {
  const link = made("a", "mono", id);
  link.href = `#${encodeURIComponent((run === here ? "" : THERE) + id)}`;
  return link;
}

// One entry of a run in full. before: id, instruction and input of its parent, null if nothing is compared.
function entry(row, run, before, opened) {
  const { names } = run, [id, words, given, , ...tags] = run.texts[row];
  const [attempt, history, evolver, level, answer, responder, losses, nearest, overlaps] = run.rests[row];
  const box = made("article", attempt === null ? "" : "failed", facts(row, names, Object.keys(names.metrics)));
  box.classList.toggle("opened", opened);
  if (attempt !== null) {
    const [, reason, detail] = losses[0];
    box.append(made("p", "lost-at", `Attempt ${attempt + 1} failed: ${reason}${detail ? ` (${detail})` : ""}`));
    box.append(words ? folded(`the reply, ${words.length} characters`, words, opened) : made("p", "note", "The reply was empty."), asked(row, run));
    return box;
  }
  if (!before) for (const [role, content] of history) box.append(made("p", "role", role), prose("given", content));
  box.append(...(before ? compared(before[1], words) : [prose("", words)]));
  if (given && before && given === before[2]) box.append(made("p", "note", "The same input."));
  else if (given) box.append(prose("given", given));
  else if (before?.[2]) box.append(made("p", "note", "Without the input."));
  for (const [stage, reason, detail, reply] of losses) {
    box.append(made("p", "lost-at", `${stage}: ${reason}${detail ? ` (${detail})` : ""}`));
    if (reply) box.append(folded(`the reply, ${reply.length} characters`, reply));
  }
  if (answer !== null) box.append(folded(responder ? `answer by ${responder}` : "answer, as given", answer));
  box.append(asked(row, run));
  const about = [evolver && `evolver ${evolver}`, level && `level ${level}`].filter(Boolean).join(", ");
  for (const [set, place, measure, shared] of overlaps) box.append(folded(`shared with ${place} of ${set}, by ${measure}`, shared));
  if (tags.length) box.append(made("p", "about", "tags:", ...tags.map((tag) => made("bdi", "", tag))));
  const near = nearest ? [made("span", "", `nearest of ${names.round[row]}: `, address(nearest, run))] : [];
  const button = run === here ? [markButton(id)] : [];
  box.append(made("p", "about", ...button, address(id, run), about, ...near));
  return box;
}

// Show the tree of a row, all of which was read.
function drawTree(region, row, run) {
  const { texts, rests, names } = run, parents = run.index.columns.parent;
  let root = row;
  while (parents[root] >= 0) root = parents[root];
  const lists = new Map();
  const trunk = made("ol", "");
  let shown = null;
  for (let each = root; each === root || parents[each] >= root; each += 1) {
    const above = parents[each];
    // A row of AutoIF has a constraint for an instruction: there is nothing to compare.
    const fresh = above < 0 || names.operation[each].startsWith("autoif-");
    const box = entry(each, run, fresh ? null : texts[above], each === row);
    const item = made("li", "", box);
    if (each === row) shown = box;
    if (above < 0) trunk.append(item);
    else {
      if (!lists.has(above)) lists.get(`item ${above}`).append(lists.set(above, made("ol", "")).get(above));
      lists.get(above).append(item);
    }
    lists.set(`item ${each}`, item);
  }
  const asked = rests[row][0] === null ? row : parents[row];
  const command = made("code", "", `evobuild explain ${texts[asked][0]}`);
  region.replaceChildren(made("h2", "", "Tree of ", made("span", "mono", texts[root][0])), trunk,
    made("p", "note", "With its settings, and what they were when it was made: ", command));
  region.scrollTop = Math.max(0, shown.offsetTop + shown.offsetHeight - region.clientHeight);
}

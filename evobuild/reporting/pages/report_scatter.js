// Any two measures of the drawn rows against each other, and one of them by pool. Rows are text and numbers alone.
"use strict";

const drawn = JSON.parse(document.getElementById("points").textContent);
const [wide, high, left, foot, head] = [960, 360, 64, 40, 30], bins = 40, strip = 54;

function shape(kind, attributes, text = "") {
  const made = document.createElementNS(document.getElementById("points-chart").namespaceURI, kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

const short = (value) => value.toLocaleString("en-US", {maximumSignificantDigits: 3});
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function scaleOf(values) {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const top = values.reduce((most, value) => Math.max(most, value), -Infinity);
  return {low, span: top > low ? top - low : 1};
}

function ranksOf(values) {
  const order = values.map((value, place) => [value, place]).sort((one, other) => one[0] - other[0]);
  const ranks = new Array(values.length);
  for (let first = 0; first < order.length;) {
    let end = first;
    while (end < order.length && order[end][0] === order[first][0]) end++;
    for (let place = first; place < end; place++) ranks[order[place][1]] = (first + end - 1) / 2;
    first = end;
  }
  return ranks;
}

function rankCorrelation(across, up) {
  const [one, other] = [ranksOf(across), ranksOf(up)], [mid, middle] = [mean(one), mean(other)];
  let both = 0, own = 0, others = 0;
  one.forEach((rank, place) => {
    both += (rank - mid) * (other[place] - middle);
    own += (rank - mid) ** 2;
    others += (other[place] - middle) ** 2;
  });
  return own && others ? both / Math.sqrt(own * others) : null;
}

function drawAxes(chart, names, across, up) {
  for (let part = 0; part <= 4; part++) {
    const x = left + part / 4 * (wide - left - 16), y = high - foot - part / 4 * (high - foot - head);
    chart.append(shape("line", {x1: left, x2: wide - 16, y1: y, y2: y, class: "grid"}),
      shape("text", {x, y: high - foot + 18, class: "tick"}, short(across.low + part / 4 * across.span)),
      shape("text", {x: left - 8, y: y + 4, class: "tick end"}, short(up.low + part / 4 * up.span)));
  }
  chart.append(shape("text", {x: (wide + left) / 2, y: high - 4, class: "axis"}, names[0]),
    shape("text", {x: 4, y: 11, class: "axis start"}, names[1]));
}

function drawPoints(measures, pool) {
  const chart = document.getElementById("points-chart"), said = document.getElementById("points-said");
  const names = measures.map((name) => drawn.metrics[name]), [xs, ys] = measures.map((name) => drawn.values[name]);
  const rows = drawn.id.map((id, row) => row).filter((row) =>
    xs[row] !== null && ys[row] !== null && (pool === "" || drawn.pool[row] === Number(pool)));
  chart.replaceChildren();
  let text = `No row has both ${names[0]} and ${names[1]}.`;
  if (rows.length) {
    const [across, up] = [xs, ys].map((values) => scaleOf(rows.map((row) => values[row])));
    drawAxes(chart, names, across, up);
    // Selected rows last, so that they lie above the others.
    for (const row of [...rows].sort((one, other) => drawn.kept[one] - drawn.kept[other])) {
      const cx = left + (xs[row] - across.low) / across.span * (wide - left - 16);
      const cy = high - foot - (ys[row] - up.low) / up.span * (high - foot - head);
      const [mark, word] = drawn.kept[row] ? ["chosen-mark", "selected"] : ["other-mark", "not selected"];
      const point = shape("circle", {cx, cy, r: 3.5, class: mark, "data-row": row});
      const title = `${drawn.id[row]}, ${drawn.pools[drawn.pool[row]]}, ${word}: ${short(xs[row])}, ${short(ys[row])}`;
      point.append(shape("title", {}, title));
      chart.append(point);
    }
    const kept = rows.filter((row) => drawn.kept[row]), others = rows.filter((row) => !drawn.kept[row]);
    const middle = (values, part) => part.length ? short(mean(part.map((row) => values[row]))) : "–";
    const means = (part) => `${middle(xs, part)} and ${middle(ys, part)}`;
    const together = rankCorrelation(rows.map((row) => xs[row]), rows.map((row) => ys[row]));
    const of = drawn.id.length < drawn.rows ? `, drawn of ${drawn.rows.toLocaleString("en-US")}` : "";
    text = `${rows.length.toLocaleString("en-US")} rows${of}. Means of ${names[0]} and ${names[1]}: selected ${means(kept)}, others ${means(others)}. `
      + `Rank correlation ${together === null ? "–" : together.toFixed(2)}. Coloured: selected. A point leads to its row.`;
  }
  said.textContent = text;
  chart.setAttribute("aria-label", `${names[0]} against ${names[1]}. ${text}`);
}

function drawPools(measure) {
  const chart = document.getElementById("pools-chart"), values = drawn.values[measure];
  const known = drawn.id.map((id, row) => row).filter((row) => values[row] !== null);
  const {low, span} = scaleOf(known.map((row) => values[row])), width = (wide - left - 16) / bins;
  chart.setAttribute("viewBox", `0 0 ${wide} ${drawn.pools.length * strip + 34}`);
  chart.replaceChildren();
  const said = [];
  drawn.pools.forEach((name, pool) => {
    const rows = known.filter((row) => drawn.pool[row] === pool), base = (pool + 1) * strip;
    chart.append(shape("text", {x: left - 8, y: base - 14, class: "tick end"}, name),
      shape("line", {x1: left, x2: wide - 16, y1: base, y2: base, class: "grid"}));
    if (!rows.length) return;
    const counts = [new Array(bins).fill(0), new Array(bins).fill(0)];
    for (const row of rows) {
      const bin = Math.min(bins - 1, Math.floor((values[row] - low) / span * bins));
      counts[0][bin]++;
      counts[1][bin] += drawn.kept[row];
    }
    const most = Math.max(...counts[0]), middle = mean(rows.map((row) => values[row]));
    counts.forEach((own, layer) => own.forEach((count, bin) => {
      const height = count / most * (strip - 10);
      const box = {x: left + bin * width, y: base - height, width: width - 1, height};
      if (count) chart.append(shape("rect", {...box, class: layer ? "chosen-mark" : "other-mark"}));
    }));
    const x = left + (middle - low) / span * (wide - left - 16);
    chart.append(shape("line", {x1: x, x2: x, y1: base - strip + 8, y2: base, class: "mean"}));
    said.push(`${name} ${short(middle)} of ${rows.length}`);
  });
  for (let part = 0; part <= 4; part++) {
    const x = left + part / 4 * (wide - left - 16);
    chart.append(shape("text", {x, y: drawn.pools.length * strip + 18, class: "tick"}, short(low + part / 4 * span)));
  }
  chart.setAttribute("aria-label", `${drawn.metrics[measure]} by pool, means: ${said.join(", ")}`);
}

function fillChoices() {
  const names = Object.keys(drawn.metrics);
  const second = names.includes("difficulty") ? "difficulty" : names.at(-1);
  for (const [id, chosen] of [["across", names[0]], ["up", second]]) {
    const select = document.getElementById(id);
    select.replaceChildren(...names.map((name) => new Option(drawn.metrics[name], name)));
    select.value = chosen;
  }
  const pools = document.getElementById("pool");
  pools.replaceChildren(new Option("all", ""), ...drawn.pools.map((name, pool) => new Option(name, pool)));
}

function draw() {
  const [across, up, pool] = ["across", "up", "pool"].map((id) => document.getElementById(id).value);
  drawPoints([across, up], pool);
  drawPools(across);
}

if (drawn.id.length) {
  fillChoices();
  document.getElementById("scatter").hidden = false;
  document.getElementById("scatter").addEventListener("change", draw);
  document.getElementById("points-chart").addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]")?.dataset.row;
    if (row) location.href = `explorer/index.html#${encodeURIComponent(drawn.id[row])}`;
  });
  draw();
}

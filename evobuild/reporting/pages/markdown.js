// Markdown as elements: headings, paragraphs, lists, quotes, tables, code, emphasis. Whatever a text holds, elements come
// of the names in this file alone: markup stays text, no picture is loaded, and an address is shown, not followed.
// Every step reads a bounded piece of the text or moves on in it, so time grows with its length and no faster.
"use strict";

const MOST_RENDERED = 100_000;
// Quotes and lists within one another, and emphasis within emphasis; what lies deeper stays as it is written.
const DEEPEST = 8;
const LONGEST_LABEL = 1000, LONGEST_ADDRESS = 2000;
const BULLET = /^( {0,3})([-*+]|\d{1,9}[.)])([ \t]+|$)/;
const EMPHASIS = { "**": "strong", "__": "strong", "*": "em", "_": "em", "~~": "del" };

// Blocks of a text as one fragment; null if it is too long to be rendered.
function rendered(source) {
  if (source.length > MOST_RENDERED) return null;
  const whole = document.createDocumentFragment();
  whole.append(...blocks(source.replace(/\r\n?/g, "\n").split("\n"), 0));
  return whole;
}

function blocks(lines, depth) {
  const result = [], open = [];
  const close = () => {
    if (open.length) result.push(made("p", "", ...inline(open.splice(0).join("\n"))));
  };
  for (let place = 0; place < lines.length; ) {
    const block = blockAt(lines, place, depth);
    if (block) {
      close();
      result.push(...block.elements);
      place = block.end;
    } else {
      if (lines[place].trim()) open.push(lines[place].trimStart());
      else close();
      place += 1;
    }
  }
  close();
  return result;
}

// The block that begins with a line, and the line after it; null if the line is of a paragraph, or empty.
function blockAt(lines, place, depth) {
  const line = lines[place], bare = line.trimStart(), indent = line.length - bare.length;
  if (!bare) return null;
  if (indent < 4 && /^(```|~~~)/.test(bare)) return fenced(lines, place);
  if (indent < 4 && /^#{1,6}( |$)/.test(bare)) return { elements: [heading(bare)], end: place + 1 };
  if (/^(-{3,}|\*{3,}|_{3,})$/.test(line.replaceAll(" ", ""))) return { elements: [made("hr", "")], end: place + 1 };
  if (bare[0] === ">" && depth < DEEPEST) return quoted(lines, place, depth);
  if (BULLET.test(line) && depth < DEEPEST) return listed(lines, place, depth);
  if (bare.includes("|") && isRule(lines[place + 1])) return table(lines, place);
  return null;
}

function heading(bare) {
  const level = bare.match(/^#+/)[0].length;
  let end = bare.trimEnd().length;
  while (end > level && bare[end - 1] === "#") end -= 1;
  // The page's own headings come first.
  return made(`h${Math.min(6, level + 2)}`, "", ...inline(bare.slice(level, end).trim()));
}

function fenced(lines, place) {
  const mark = lines[place].match(/^ *(`{3,}|~{3,})/)[1];
  const language = lines[place].trim().slice(mark.length).trim().slice(0, 40);
  let end = place + 1;
  const closes = (line) => line.startsWith(mark) && line.replaceAll(mark[0], "") === "";
  while (end < lines.length && !closes(lines[end].trim())) end += 1;
  const code = made("pre", "", made("code", "", lines.slice(place + 1, end).join("\n")));
  code.tabIndex = 0;
  const name = language ? [made("figcaption", "", language)] : [];
  return { elements: [made("figure", "code", ...name, code)], end: Math.min(lines.length, end + 1) };
}

function quoted(lines, place, depth) {
  let end = place;
  while (end < lines.length && lines[end].trimStart()[0] === ">") end += 1;
  const inner = lines.slice(place, end).map((line) => line.trimStart().slice(1).replace(/^ /, ""));
  return { elements: [made("blockquote", "", ...blocks(inner, depth + 1))], end };
}

// A list goes on with lines that begin with its kind of mark, are indented below it, or are one empty line before such.
function listed(lines, place, depth) {
  const ordered = /\d/.test(lines[place].trimStart()[0]);
  const list = made(ordered ? "ol" : "ul", "");
  if (ordered) list.start = parseInt(lines[place], 10);
  let end = place, item = null, width = 0;
  const close = () => {
    if (item) list.append(made("li", "", ...blocks(item, depth + 1)));
  };
  for (; end < lines.length; end += 1) {
    const line = lines[end], mark = BULLET.exec(line);
    const deeper = line[0] === "\t" ? 1 : line.search(/\S/) >= width ? width : 0;
    if (!line.trim()) {
      const next = lines[end + 1] ?? "";
      if (!next.trim() || !(next[0] === "\t" || next.search(/\S/) >= width || BULLET.test(next))) break;
      item.push("");
    } else if (item && deeper) item.push(line.slice(deeper));
    else if (mark && /\d/.test(mark[2]) === ordered && !/^(- *){3,}$/.test(line)) {
      close();
      width = Math.min(mark[0].length, mark[1].length + mark[2].length + 4);
      item = [line.slice(mark[0].length)];
    } else if (mark || !lines[end - 1].trim() || blockAt(lines, end, DEEPEST)) break;
    else item.push(line.trimStart());
  }
  close();
  return { elements: [list], end: Math.max(end, place + 1) };
}

function cells(line) {
  const inner = line.trim().replace(/^\|/, "");
  return (inner.endsWith("|") ? inner.slice(0, -1) : inner).split("|").map((cell) => cell.trim());
}

function isRule(line) {
  return Boolean(line?.includes("-")) && /[|:]/.test(line) && cells(line).every((cell) => /^:?-+:?$/.test(cell));
}

function table(lines, place) {
  const sides = cells(lines[place + 1]).map((cell) => (cell.endsWith(":") ? (cell[0] === ":" ? "center" : "right") : ""));
  const row = (name, line) => made("tr", "", ...cells(line).slice(0, 100).map((cell, column) => {
    const element = made(name, "", ...inline(cell));
    if (name === "th") element.scope = "col";
    if (sides[column]) element.style.textAlign = sides[column];
    return element;
  }));
  let end = place + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const head = made("thead", "", row("th", lines[place]));
  const body = made("tbody", "", ...lines.slice(place + 2, end).map((line) => row("td", line)));
  return { elements: [made("div", "box", made("table", "", head, body))], end };
}

// What stands within a line: texts and elements. An emphasis that is not closed stays as it was written.
function inline(source) {
  const stack = [{ mark: "", content: [] }], unclosed = new Set();
  // Pieces of text that follow one another are one.
  const put = (...pieces) => {
    const { content } = stack.at(-1);
    for (const each of pieces) {
      if (typeof each === "string" && typeof content.at(-1) === "string") content[content.length - 1] += each;
      else content.push(each);
    }
  };
  const spill = () => {
    const { mark, content } = stack.pop();
    put(mark);
    for (const each of content) put(each);
  };
  for (let place = 0; place < source.length; ) {
    const special = specialAt(source, place, unclosed);
    if (special) {
      put(special.element);
      place = special.end;
      continue;
    }
    const mark = markAt(source, place);
    const within = mark ? stack.findLastIndex((each) => each.mark === mark) : -1;
    const [before, after] = [source[place - 1] ?? " ", source[place + mark.length] ?? " "];
    const inWord = mark[0] === "_" && /\w/.test(before) && /\w/.test(after);
    if (within > 0 && before.trim() && !inWord) {
      while (stack.length > within + 1) spill();
      const { content } = stack.pop();
      put(made(EMPHASIS[mark], "", ...content));
    } else if (mark && after.trim() && !inWord && stack.length <= DEEPEST) {
      stack.push({ mark, content: [] });
    } else if (mark) put(mark);
    else if (source[place] === "\\" && /[!-/:-@[-`{-~]/.test(source[place + 1] ?? "")) put(source[(place += 1)]);
    else put(source[place]);
    place += mark.length || 1;
  }
  while (stack.length > 1) spill();
  return stack[0].content;
}

// The sign of emphasis that stands at a place, '' if there is none.
function markAt(source, place) {
  const two = source.slice(place, place + 2);
  return EMPHASIS[two] ? two : EMPHASIS[source[place]] ? source[place] : "";
}

// Code, or a link or picture as words with its address; null if nothing of it begins at a place.
// unclosed: marks of code that are known not to be closed in the rest of the text.
function specialAt(source, place, unclosed) {
  if (source[place] === "`" && source[place - 1] !== "`") {
    let width = 1;
    while (source[place + width] === "`") width += 1;
    const end = unclosed.has(width) ? -1 : closing(source, place + width, width);
    if (end < 0) unclosed.add(width);
    else return { element: made("code", "", codeOf(source.slice(place + width, end))), end: end + width };
  }
  const begin = source[place] === "!" && source[place + 1] === "[" ? place + 2 : source[place] === "[" ? place + 1 : 0;
  if (!begin) return null;
  const label = source.slice(begin, begin + LONGEST_LABEL), middle = label.indexOf("](");
  if (middle < 0 || label.lastIndexOf("[", middle) >= 0) return null;
  const rest = source.slice(begin + middle + 2, begin + middle + 2 + LONGEST_ADDRESS), last = rest.indexOf(")");
  if (last < 0) return null;
  const kind = source[place] === "!" ? "picture: " : "";
  const said = made("span", "link", `${kind}${label.slice(0, middle)} `, made("code", "", rest.slice(0, last)));
  return { element: said, end: begin + middle + 2 + last + 1 };
}

// Where a run of exactly so many backticks begins, from a place on; -1 if there is none.
function closing(source, from, width) {
  for (let place = source.indexOf("`", from); place >= 0; place = source.indexOf("`", place)) {
    let run = 1;
    while (source[place + run] === "`") run += 1;
    if (run === width) return place;
    place += run;
  }
  return -1;
}

function codeOf(inner) {
  return inner[0] === " " && inner.endsWith(" ") && inner.trim() ? inner.slice(1, -1) : inner;
}

// A text that is shown as it was written or rendered, as the page's control says, and follows it.
function prose(kind, source) {
  const element = text(kind);
  element.source = source;
  element.classList.add("prose");
  showProse(element);
  return element;
}

function showProse(element) {
  const content = at("render")?.checked ? rendered(element.source) : null;
  element.classList.toggle("markdown", content !== null);
  element.replaceChildren(content ?? visible(element.source));
}

at("render").checked = kept("evobuild.render") === "1";
at("render").addEventListener("change", () => {
  kept("evobuild.render", at("render").checked ? "1" : "0");
  document.querySelectorAll(".prose").forEach(showProse);
});

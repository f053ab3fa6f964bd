// What the pages of rows and of benchmarks share: elements out of text, data that are scripts, and a list that is
// searched and shown a page at a time. All text is data: it enters a page as text nodes alone.
"use strict";

const PAGE = 50;
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]/gu;
const at = (id) => document.getElementById(id);
let found = [], page = 0, missing = "";

// Control characters as their pictures, and turns of the direction of writing as their numbers, so that they are seen.
function visible(text) {
  return text.replace(CONTROL, (found) => {
    const code = found.codePointAt(0);
    if (code >= 0x202a && code <= 0x2069) return `<U+${code.toString(16).toUpperCase()}>`;
    return code < 32 ? String.fromCharCode(0x2400 + code) : code === 127 ? "\u2421" : "\ufffd";
  });
}

// An element with a class, holding texts and other elements.
function made(name, kind, ...content) {
  const element = document.createElement(name);
  if (kind) element.className = kind;
  element.append(...content.map((each) => (typeof each === "string" ? visible(each) : each)));
  return element;
}

function text(kind, ...content) {
  const element = made("div", `text ${kind}`, ...content);
  element.dir = "auto";
  return element;
}

// A text, or what shows one, that opens below its title.
function folded(title, content, open = false) {
  const details = made("details", "", made("summary", "", title), typeof content === "string" ? prose("", content) : content);
  details.open = open;
  return details;
}

function figure(number) {
  return number.toLocaleString("en");
}

// Read a script of data, which calls take(). A page that was opened as a file cannot fetch.
function readScript(file) {
  return new Promise((done) => {
    const script = made("script", "");
    script.src = file;
    script.onload = done;
    script.onerror = () => {
      missing = `${file} cannot be read: bring the whole folder of the explorer, as by dvc pull.`;
      done();
    };
    document.head.append(script);
  });
}

// The part that an entry is in. starts: the first entry of each part.
function partAmong(starts, row) {
  let low = 0, high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

// What the browser keeps under a key, where it lets a page keep anything; value: put it there.
function kept(key, value) {
  try {
    if (value !== undefined) localStorage.setItem(key, value);
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

// The words that are searched for.
function query() {
  return at("query").value.normalize().toLowerCase().split(/\s+/).filter(Boolean);
}

// What the address names; an address that is no encoding of anything names what it says.
function addressed() {
  const name = location.hash.slice(1);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

// Show one page of what was found. item: makes the list's item of a hit. said: what is said above the list.
function drawPage(item, said) {
  const focused = document.activeElement?.closest("#list a")?.dataset.row;
  at("list").replaceChildren(...found.slice(page * PAGE, (page + 1) * PAGE).map(item));
  if (focused !== undefined) at("list").querySelector(`a[data-row="${focused}"]`)?.focus();
  const pages = Math.ceil(found.length / PAGE);
  at("page").textContent = `page ${page + 1} of ${figure(pages)}`;
  at("pages").hidden = pages < 2;
  at("pages").style.display = pages < 2 ? "" : "flex";
  at("previous").disabled = page === 0;
  at("next").disabled = page >= pages - 1;
  at("count").textContent = missing || said;
  const narrowed = [...at("more").querySelectorAll("select, input")].filter(isSet).length;
  at("active").textContent = narrowed ? ` (${narrowed})` : "";
  at("clear").hidden = !narrowed && !query().length;
}

// Whether a filter or an order is chosen other than the first one.
function isSet(field) {
  return field.tagName === "SELECT" ? field.selectedIndex > 0 : field.value !== "";
}

// The page nearest to the one that was shown.
function keepPage(kept) {
  page = Math.min(kept, Math.max(0, Math.ceil(found.length / PAGE) - 1));
}

function markCurrent(row) {
  for (const link of at("list").querySelectorAll("a")) link.setAttribute("aria-current", String(Number(link.dataset.row) === row));
}

// Listen to filters, keys, buttons and the address. update: filters anew; draw: shows the page; follow: opens.
function listen(update, draw, follow) {
  const turn = (pages) => {
    page += pages;
    draw();
    at("list").parentElement.scrollTop = 0;
    at("list").querySelector("a")?.focus();
  };
  addEventListener("hashchange", follow);
  at("filters").addEventListener("input", () => update());
  at("filters").addEventListener("reset", () => setTimeout(update));
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("previous").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !isTyping(event)) {
      event.preventDefault();
      at("query").focus();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const links = [...at("list").querySelectorAll("a")];
    const place = links.indexOf(document.activeElement);
    if (!step || (place < 0 && event.target.id !== "query")) return;
    event.preventDefault();
    if (place + step < 0) at("query").focus();
    else links[place + step]?.focus();
  });
}

// Whether a key is typed into a field, or is a command of the browser.
function isTyping(event) {
  return event.ctrlKey || event.metaKey || event.altKey || Boolean(event.target.closest("input, select, textarea"));
}

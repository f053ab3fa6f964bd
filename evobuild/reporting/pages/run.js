// A run: the index of its entries, and of each its text and, as soon as its part is read, all else.
"use strict";

// What an entry has one of, and what it may have several of.
const SINGLE = ["round", "domain", "operation", "evolver", "responder"];
const SEVERAL = ["outcome", "shared"];

class Run {
  // read: reads a file of the run's folder, and hands what it holds to `take`.
  constructor(read) {
    Object.assign(this, { read, texts: [], lower: [], rests: [], calls: [], numbers: new Map(), wanted: {}, parts: 0, count: 0 });
  }

  // Take what a file of data holds.
  take(kind, part, content) {
    if (kind === "rows") this.begin(content);
    else if (kind === "calls") {
      const [pieces, calls] = content;
      calls.forEach((each, place) => (this.calls[this.index.starts[part] + place] = { pieces, calls: each }));
    } else content.forEach((each, place) => this.put(kind, this.index.starts[part] + place, each));
  }

  begin(index) {
    const { columns } = index;
    this.index = index;
    this.count = columns.round.length;
    this.names = { ...columns, metrics: index.metrics };
    for (const name of SINGLE) this.names[name] = columns[name].map((code) => index.names[name][code]);
    for (const name of SEVERAL) {
      const sets = index.sets[name].map((set) => set.map((code) => index.names[name][code]));
      this.names[name] = columns[name].map((code) => sets[code]);
    }
  }

  put(kind, row, each) {
    if (kind === "trees") this.rests[row] = each;
    else {
      this.texts[row] = each;
      // All but the digest of its answer.
      this.lower[row] = [...each.slice(0, 3), ...each.slice(4)].join("\n").normalize().toLowerCase();
      this.numbers.set(each[0], row);
    }
  }

  // The calls of an entry whose part is read: of each its role, model, source, prompt, thought and reply.
  callsOf(row) {
    const above = this.texts[this.index.columns.parent[row]] ?? ["", "", ""], own = this.texts[row];
    const known = [above[1], above[2], own[1], own[2], this.rests[row][4] ?? ""];
    const { pieces, calls } = this.calls[row];
    const joined = (numbers) => numbers?.map((each) => known[each] ?? pieces[each - known.length]).join("") ?? null;
    return calls.map((call) => call.map(joined));
  }

  // Read the part of the data that an entry is in, once.
  need(kind, row) {
    return this.needPart(kind, partAmong(this.index.starts, row));
  }

  needPart(kind, part) {
    const file = `${kind}/${String(part).padStart(3, "0")}.js`;
    this.wanted[file] ??= this.read(file);
    return this.wanted[file];
  }

  // Read the texts of all parts, one after another. arrived: called after each.
  async readTexts(arrived) {
    for (let part = 0; part < this.index.starts.length; part += 1) {
      await this.needPart("texts", part);
      this.parts += 1;
      arrived();
    }
  }

  get complete() {
    return this.parts === this.index?.starts.length;
  }

  // Whether an entry is a row, and no failed attempt at one.
  isRow(row) {
    return !this.index.columns.attempt[row];
  }

  // Of each entry whether its index has what is chosen. chosen: by column, one of its names; null where any will do.
  fitting(chosen) {
    const { columns, names, sets } = this.index;
    const wanted = Object.entries(chosen).filter(([, name]) => name !== null).map(([column, name]) => {
      const code = names[column].indexOf(name);
      const fits = sets[column]?.map((set) => set.includes(code));
      return fits ? (row) => fits[columns[column][row]] : (row) => columns[column][row] === code;
    });
    return (row) => wanted.every((fits) => fits(row));
  }
}

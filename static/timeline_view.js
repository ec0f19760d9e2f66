// The rows of the timeline as elements.

import { day, sameDay } from "./clock.js";
import { button, element } from "./element.js";
import { adopt, item } from "./message.js";
import { dress, notice } from "./notice.js";
import { counted } from "./texts.js";
import { follows } from "./turn.js";

/** Shows rows in a list. `load` is asked when a gap is to be filled. */
export class TimelineView {
  #list;
  #scroll;
  #you;
  #texts;
  #muted;
  #elements = new Map();
  #rows = new WeakMap();
  #mark = null;
  load = () => {};
  /** Told whether the room may keep older messages. */
  more = () => {};

  constructor({ list, scroll, you, texts, muted }) {
    this.#list = list;
    this.#scroll = scroll;
    this.#you = you;
    this.#texts = texts;
    this.#muted = muted;
    list.dataset.empty = texts.empty;
  }

  /** The rows that the server has put into the page. */
  adopt() {
    const rows = Array.from(this.#list.children, (made) => {
      const row = { kind: "message", message: adopt(made, this.#reader) };
      this.#keep(row, made);
      return row;
    });
    for (const made of this.#list.children) this.#decorate(made);
    return rows;
  }

  insert(row, next) {
    const made = this.#make(row);
    this.#keep(row, made);
    this.#scroll.keeping(() => {
      this.#list.insertBefore(made, this.#elements.get(next) ?? null);
      this.#decorate(made);
      this.#decorate(made.nextElementSibling);
    });
  }

  remove(row) {
    const made = this.#elements.get(row);
    const after = made.nextElementSibling;
    this.#elements.delete(row);
    this.#scroll.keeping(() => {
      made.remove();
      this.#decorate(after);
    });
  }

  replace(row) {
    const made = this.#elements.get(row);
    if (row.kind === "notice") return this.#scroll.keeping(() => dress(made, row, this.#texts));
    const anew = this.#make(row);
    this.#keep(row, anew);
    this.#scroll.keeping(() => {
      made.replaceWith(anew);
      this.#decorate(anew);
      this.#decorate(anew.nextElementSibling);
    });
  }

  clear() {
    this.#list.replaceChildren();
    this.#elements.clear();
  }

  /** The message above which the reader left off; null for none. */
  set mark(id) {
    if (id === this.#mark) return;
    const marked = [this.#mark, id].map((each) => each && this.#list.querySelector(`[data-id="${CSS.escape(each)}"]`));
    this.#mark = id;
    this.#scroll.keeping(() => marked.forEach((made) => this.#decorate(made)));
  }

  /** Days have names that change overnight; people are muted and heard again. */
  refresh() {
    this.#scroll.keeping(() => Array.from(this.#list.children, (made) => this.#decorate(made)));
  }

  get #reader() {
    return { you: this.#you, texts: this.#texts };
  }

  #keep(row, made) {
    this.#elements.set(row, made);
    this.#rows.set(made, row);
  }

  /** What an element owes to those before it: whether it continues a turn, begins a day, or what was not yet read. */
  #decorate(made) {
    const row = made && this.#rows.get(made);
    if (row?.kind !== "message") return;
    const { at, id, from } = row.message;
    made.classList.toggle("muted", this.#muted.has(from));
    const before = this.#messageBefore(made);
    const begins = at && !(before && sameDay(before.at, at));
    const unread = id === this.#mark;
    const continues = follows(this.#rows.get(made.previousElementSibling ?? made), row);
    made.classList.toggle("follows", continues && made.previousElementSibling !== null && !unread);
    line(made, "unread", unread && this.#texts.unread);
    line(made, "day", begins && day(at, this.#texts.lang));
  }

  #messageBefore(made) {
    for (let each = made.previousElementSibling; each; each = each.previousElementSibling) {
      const row = this.#rows.get(each);
      if (row.kind === "message" && row.message.at) return row.message;
    }
    return null;
  }

  #make(row) {
    if (row.kind === "message") return item(row.message, this.#reader);
    if (row.kind === "notice") return notice(row, this.#texts);
    return this.#gap(row);
  }

  #gap(row) {
    const text = row.missed ? counted(this.#texts, this.#texts.gap_counted, row.missed) : this.#texts.gap;
    const load = button("row-button", this.#texts.gap_load, () => this.load(row, load));
    return element("li", "gap", element("p", "", text), load);
  }
}

/** Puts a line above a message, or takes it away. */
function line(made, className, text) {
  const there = made.querySelector(`:scope > .${className}`);
  if (!text) return there?.remove();
  if (there) there.textContent = text;
  else made.prepend(element("p", className, text));
}

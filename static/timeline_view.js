// The timeline as elements.

import { adopt, element, item } from "./message.js";
import { fill, nodes } from "./texts.js";
import { follows } from "./turn.js";

/** Shows the rows of a Timeline in a list. `load` is asked when a gap is to be filled. */
export class TimelineView {
  #list;
  #scroll;
  #you;
  #texts;
  #elements = new Map();
  #rows = new WeakMap();
  load = () => {};

  constructor({ list, scroll, you, texts }) {
    this.#list = list;
    this.#scroll = scroll;
    this.#you = you;
    this.#texts = texts;
    list.dataset.empty = texts.empty;
  }

  /** The rows that the server has put into the page. */
  adopt() {
    return Array.from(this.#list.children, (made) => {
      const row = { kind: "message", message: adopt(made, this.#texts.lang) };
      this.#keep(row, made);
      return row;
    });
  }

  insert(row, next) {
    const made = this.#make(row);
    this.#keep(row, made);
    this.#scroll.keeping(() => this.#list.insertBefore(made, this.#elements.get(next) ?? null), next === undefined);
    this.#joinTurns(made);
    if (next === undefined && row.kind === "message" && row.message.from !== this.#you) this.#scroll.arrived();
  }

  remove(row) {
    const made = this.#elements.get(row);
    const after = made.nextElementSibling;
    this.#scroll.keeping(() => made.remove(), false);
    this.#elements.delete(row);
    if (after) this.#joinTurns(after);
  }

  replace(row) {
    const made = this.#make(row);
    this.#elements.get(row).replaceWith(made);
    this.#keep(row, made);
    this.#joinTurns(made);
  }

  clear() {
    this.#list.replaceChildren();
    this.#elements.clear();
  }

  #keep(row, made) {
    this.#elements.set(row, made);
    this.#rows.set(made, row);
  }

  /** Whether an element, and the one after it, continue a turn. */
  #joinTurns(made) {
    for (const each of [made, made.nextElementSibling]) {
      if (!each) continue;
      const row = this.#rows.get(each);
      each.classList.toggle("follows", follows(this.#rows.get(each.previousElementSibling ?? each), row) && each.previousElementSibling !== null);
    }
  }

  #make(row) {
    if (row.kind === "message") return item(row.message, { you: this.#you, texts: this.#texts });
    if (row.kind === "notice") return this.#notice(row);
    return this.#gap(row);
  }

  #notice({ what, username }) {
    const made = element("li", `notice ${what}`, element("p", "", ...nodes(this.#texts[what], { username })));
    return made;
  }

  #gap(row) {
    const text = row.missed ? fill(this.#texts.gap_counted, { count: row.missed }) : this.#texts.gap;
    const button = element("button", "row-button", this.#texts.gap_load);
    button.type = "button";
    button.addEventListener("click", () => this.load(row, button));
    return element("li", "gap", element("p", "", text), button);
  }
}

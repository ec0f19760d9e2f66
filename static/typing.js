// Typing notices: sent while the user types, and shown for others. Loaded when the first person types.

import { formatCount, formatNodes } from "./texts.js";

/** The server accepts one notice in three seconds. */
const INTERVAL_MS = 3_000;

/** Sends typing notices, at most one per interval, and shows in `line` who else types. */
export class Typing {
  #line;
  #texts;
  #mutes;
  #send;
  #sentAt = -Infinity;
  #active = false;

  constructor({ line, texts, mutes, send }) {
    this.#line = line;
    this.#texts = texts;
    this.#mutes = mutes;
    this.#send = send;
  }

  start() {
    if (Date.now() - this.#sentAt < INTERVAL_MS) return;
    if (!this.#send({ type: "typing", active: true })) return;
    this.#sentAt = Date.now();
    this.#active = true;
  }

  /** A message ends typing by itself; an emptied box needs a notice, if the interval is over. */
  stop() {
    if (this.#active && Date.now() - this.#sentAt >= INTERVAL_MS) this.#send({ type: "typing", active: false });
    this.#active = false;
  }

  /** Shows some names of all that the server counts. Muted people are left out. */
  show(named, count) {
    const names = named.filter((name) => !this.#mutes.has(name));
    const others = Math.max(names.length, count - (named.length - names.length) - 1);
    const [username, other] = names;
    if (names.length === 0) this.#line.replaceChildren();
    else if (names.length === 1 && others <= 1) this.#line.replaceChildren(...formatNodes(this.#texts.typing_one, { username }));
    else if (names.length === 2 && others <= 2) this.#line.replaceChildren(...formatNodes(this.#texts.typing_two, { username, other }));
    else this.#line.textContent = formatCount(this.#texts, this.#texts.typing_many, others);
  }
}

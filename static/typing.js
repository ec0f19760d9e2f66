// Typing notices: sent while the user types, and shown for others.

import { formatCount, formatNodes } from "./texts.js";

/** The server accepts one notice in three seconds. */
const INTERVAL_MS = 3_000;

/** Sends typing notices, at most one per interval. */
export class TypingNotifier {
  #send;
  #now;
  #sentAt = -Infinity;
  #active = false;

  constructor({ send, now = Date.now }) {
    this.#send = send;
    this.#now = now;
  }

  start() {
    if (this.#now() - this.#sentAt < INTERVAL_MS) return;
    if (!this.#send({ type: "typing", active: true })) return;
    this.#sentAt = this.#now();
    this.#active = true;
  }

  /** A message ends typing by itself; an emptied box needs a notice, if the interval is over. */
  stop() {
    if (this.#active && this.#now() - this.#sentAt >= INTERVAL_MS) this.#send({ type: "typing", active: false });
    this.#active = false;
  }
}

/** Shows who else types: some names of all that the server counts. Muted people are left out. */
export function showTyping(line, texts, mutes, named, count) {
  const names = named.filter((name) => !mutes.has(name));
  const others = Math.max(names.length, count - (named.length - names.length) - 1);
  if (names.length === 0) return line.replaceChildren();
  if (names.length === 1 && others <= 1) {
    return line.replaceChildren(...formatNodes(texts.typing_one, { username: names[0] }));
  }
  if (names.length === 2 && others <= 2) {
    return line.replaceChildren(...formatNodes(texts.typing_two, { username: names[0], other: names[1] }));
  }
  line.textContent = formatCount(texts, texts.typing_many, others);
}

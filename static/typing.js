// Who types: told to the others now and then, and shown.

import { counted, nodes } from "./texts.js";

const TELL_EVERY_MS = 3_000;

/** Tells that the person types, as often as that may be said. */
export class TypingTeller {
  #send;
  #now;
  #toldAt = -Infinity;
  #active = false;

  constructor({ send, now = Date.now }) {
    this.#send = send;
    this.#now = now;
  }

  typed() {
    if (this.#now() - this.#toldAt < TELL_EVERY_MS) return;
    if (!this.#send({ type: "typing", active: true })) return;
    this.#toldAt = this.#now();
    this.#active = true;
  }

  /** Typing is over. A message says as much by itself; an emptied box is told, if it may be by now. */
  stopped() {
    if (this.#active && this.#now() - this.#toldAt >= TELL_EVERY_MS) this.#send({ type: "typing", active: false });
    this.#active = false;
  }
}

/** Shows who else types. */
export function showTyping(line, texts, names, count) {
  const others = Math.max(names.length, count - 1);
  if (names.length === 0) return line.replaceChildren();
  if (names.length === 1 && others <= 1) return line.replaceChildren(...nodes(texts.typing_one, { username: names[0] }));
  if (names.length === 2 && others <= 2) {
    return line.replaceChildren(...nodes(texts.typing_two, { username: names[0], other: names[1] }));
  }
  line.textContent = counted(texts, texts.typing_many, others);
}

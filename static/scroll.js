// Where the reader stands: at the newest message, or somewhere above, where nothing may move under their eyes.

import { fill } from "./texts.js";

const NEAR_PX = 80;

/** Keeps a scrolled box at its end while the reader is there, and offers the way back when they are not. */
export class Scroll {
  #box;
  #jump;
  #texts;
  #unseen = 0;
  #stuck = true;

  constructor({ box, jump, texts }) {
    this.#box = box;
    this.#jump = jump;
    this.#texts = texts;
    box.addEventListener("scroll", () => this.#moved(), { passive: true });
    jump.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.#stuck && this.toEnd()).observe(box);
  }

  /** Does something to what is in the box: at its end, or above what is being read. */
  keeping(change, atEnd) {
    const { scrollHeight, scrollTop } = this.#box;
    change();
    if (this.#stuck) this.#box.scrollTop = this.#box.scrollHeight;
    else if (!atEnd) this.#box.scrollTop = scrollTop + this.#box.scrollHeight - scrollHeight;
  }

  /** Somebody else said something. */
  arrived() {
    if (this.#stuck) return;
    this.#unseen += 1;
    this.#show();
  }

  toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#stuck = true;
    this.#show();
  }

  #moved() {
    const below = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight;
    this.#stuck = below < NEAR_PX;
    this.#show();
  }

  #show() {
    if (this.#stuck) this.#unseen = 0;
    this.#jump.hidden = this.#stuck;
    const text = this.#unseen ? fill(this.#texts.newest_counted, { count: this.#unseen }) : this.#texts.newest;
    this.#jump.textContent = text;
  }
}

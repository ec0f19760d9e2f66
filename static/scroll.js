// Where the reader stands: at the newest message, or somewhere above, where nothing may move under their eyes.

import { counted } from "./texts.js";

const NEAR_PX = 30;
const EDGE_PX = 600;

/**
 * Keeps a scrolled box at its end while the reader is there, and offers the way back when they are not. `moved` is
 * called with how far the reader is from both ends of what is shown: { nearStart, nearEnd }. `below` answers whether
 * there is more than what is shown.
 */
export class Scroll {
  #box;
  #jump;
  #texts;
  #unseen = 0;
  #stuck = true;
  #keeping = false;
  /** The frame before which the box is brought to its end. */
  #frame = 0;
  /** Where the box last stood, and how high it was. */
  #top = 0;
  #height = 0;
  moved = () => {};
  below = () => false;
  /** Called before going to the newest message, and whenever the reader comes to or leaves it. */
  returning = () => {};
  changed = () => {};

  constructor({ box, jump, texts }) {
    this.#box = box;
    this.#jump = jump;
    this.#texts = texts;
    box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    jump.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.#stuck && this.#pin()).observe(box);
  }

  get stuck() {
    return this.#stuck;
  }

  /** How many messages the way back leads to. */
  set unseen(count) {
    this.#unseen = count;
    this.#show();
  }

  /** Does something to what is in the box, while what is being read stays where it is. */
  keeping(change) {
    if (this.#keeping) return change();
    this.#keeping = true;
    const anchor = this.#stuck ? null : this.#anchor();
    const before = anchor?.getBoundingClientRect().top;
    try {
      change();
    } finally {
      this.#keeping = false;
    }
    if (this.#stuck) this.#pinSoon();
    else if (anchor?.isConnected) this.#box.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  /** Something beside the box took another height, perhaps for a moment only: who was at the end is there again. */
  settle() {
    if (this.#stuck) this.#pin();
  }

  toEnd() {
    this.returning();
    this.#pin();
    this.#stand(true);
  }

  /** Once a frame: to know how high the box is means to lay it out. */
  #pinSoon() {
    this.#frame ||= requestAnimationFrame(() => this.#stuck && this.#pin());
  }

  #pin() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#top = this.#box.scrollTop;
    this.#height = this.#box.clientHeight;
  }

  /** The uppermost row that is in sight; of a message what was said, since lines come and go above that. */
  #anchor() {
    const top = this.#box.scrollTop;
    const row = Array.from(this.#box.querySelectorAll("li")).find((each) => each.offsetTop + each.offsetHeight > top);
    return row?.querySelector(".bubble") ?? row;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    const toEnd = scrollHeight - scrollTop - clientHeight;
    // Only who scrolls up leaves the end: what is added there, or a box of another height, takes nobody from it.
    const up = scrollTop < this.#top && clientHeight === this.#height;
    this.#top = scrollTop;
    this.#height = clientHeight;
    const near = toEnd < NEAR_PX && !this.below();
    if (near || up) this.#stand(near);
    this.moved({ nearStart: scrollTop < EDGE_PX, nearEnd: toEnd < EDGE_PX });
  }

  #stand(stuck) {
    const other = stuck !== this.#stuck;
    this.#stuck = stuck;
    this.#show();
    if (other) this.changed();
  }

  #show() {
    this.#jump.hidden = this.#stuck;
    const { newest, newest_counted: many } = this.#texts;
    this.#jump.textContent = this.#unseen > 0 ? counted(this.#texts, many, this.#unseen) : newest;
  }
}

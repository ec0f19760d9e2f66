// The scroll position of the conversation: follows the newest message, or stays put while the user reads above it.

import { formatCount } from "./texts.js";

const NEAR_PX = 30;
const EDGE_PX = 600;
/** The distance of a row that is scrolled to from the upper edge. */
const TOP_PX = 48;

/**
 * Keeps a scrolled box at its end while the reader is there, and offers a button to return when they are not. Calls
 * `onScroll` with the position in the window of rows: { nearStart, nearEnd }. `hasBelow` returns whether there are rows
 * below that window.
 */
export class ScrollPosition {
  #box;
  #jump;
  #texts;
  #unread = 0;
  #atEnd = true;
  #isPreserving = false;
  /** The animation frame that scrolls to the end. */
  #frame = 0;
  /** The last scroll position and height of the box. */
  #top = 0;
  #height = 0;
  onScroll = () => {};
  hasBelow = () => false;
  /** Called before scrolling to the newest message. */
  onReturn = () => {};
  /** Called when the reader reaches or leaves the newest message. */
  onChange = () => {};

  constructor({ box, jump, texts }) {
    this.#box = box;
    this.#jump = jump;
    this.#texts = texts;
    box.addEventListener("scroll", () => this.#handleScroll(), { passive: true });
    jump.addEventListener("click", () => this.scrollToEnd());
    new ResizeObserver(() => this.#atEnd && this.#pin()).observe(box);
  }

  get atEnd() {
    return this.#atEnd;
  }

  /** The number of unread messages, shown on the button. */
  set unread(count) {
    this.#unread = count;
    this.#showJump();
  }

  /** Runs a change to the content of the box; the row being read stays where it is. */
  preserve(change) {
    if (this.#isPreserving) return change();
    this.#isPreserving = true;
    const anchor = this.#atEnd ? null : this.#findAnchor();
    const before = anchor?.getBoundingClientRect().top;
    try {
      change();
    } finally {
      this.#isPreserving = false;
    }
    if (this.#atEnd) this.#pinNextFrame();
    else if (anchor?.isConnected) this.#box.scrollTop += anchor.getBoundingClientRect().top - before;
  }

  /** The composer has another height, perhaps only for a moment: returns to the end if the reader was there. */
  repin() {
    if (this.#atEnd) this.#pin();
  }

  scrollToEnd() {
    this.onReturn();
    this.#pin();
    this.#setAtEnd(true);
  }

  /** Scrolls to an element above the newest message. */
  scrollTo(element) {
    this.#setAtEnd(false);
    this.#box.scrollTop += element.getBoundingClientRect().top - this.#box.getBoundingClientRect().top - TOP_PX;
  }

  /** Returns whether an element is above the visible part of the box. */
  isAbove(element) {
    return element.getBoundingClientRect().bottom <= this.#box.getBoundingClientRect().top;
  }

  /** Reading the height of the box forces a layout: once a frame at most. */
  #pinNextFrame() {
    this.#frame ||= requestAnimationFrame(() => this.#atEnd && this.#pin());
  }

  #pin() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#box.scrollTop = this.#box.scrollHeight;
    this.#top = this.#box.scrollTop;
    this.#height = this.#box.clientHeight;
  }

  /** The uppermost visible row; of a message its bubble, since lines above it come and go. */
  #findAnchor() {
    const top = this.#box.scrollTop;
    const row = Array.from(this.#box.querySelectorAll("li")).find((item) => item.offsetTop + item.offsetHeight > top);
    return row?.querySelector(".bubble") ?? row;
  }

  #handleScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    const distance = scrollHeight - scrollTop - clientHeight;
    // The reader leaves the end only by scrolling up, not when rows are added there or the box changes its height.
    const isUp = scrollTop < this.#top && clientHeight === this.#height;
    this.#top = scrollTop;
    this.#height = clientHeight;
    const isNear = distance < NEAR_PX && !this.hasBelow();
    if (isNear || isUp) this.#setAtEnd(isNear);
    this.onScroll({ nearStart: scrollTop < EDGE_PX, nearEnd: distance < EDGE_PX });
  }

  #setAtEnd(atEnd) {
    const changed = atEnd !== this.#atEnd;
    this.#atEnd = atEnd;
    this.#showJump();
    if (changed) this.onChange();
  }

  #showJump() {
    this.#jump.hidden = this.#atEnd;
    const { newest, newest_counted: counted } = this.#texts;
    this.#jump.textContent = this.#unread > 0 ? formatCount(this.#texts, counted, this.#unread) : newest;
  }
}

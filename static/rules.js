// The room's rules, set by the operator: an announcement above the conversation, slow mode at the composer.

import { createLink } from "./message.js";
import { parseText } from "./rich_text.js";
import { formatCount, formatText } from "./texts.js";

/** The longest delay of a timer. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export class RulesView {
  #announcement;
  #text;
  #more;
  #slow;
  #left;
  #texts;
  #notice = null;
  #slowMs = 0;
  #until = 0;
  #ticker;
  #opening;
  /** Called before and after the announcement changes its height, with the change. */
  onFold = (change) => change();

  constructor({ document, texts }) {
    const part = (id) => document.getElementById(id);
    this.#announcement = part("announcement");
    this.#text = part("announcement-text");
    this.#more = part("announcement-more");
    this.#slow = part("slow");
    this.#left = part("slow-left");
    this.#texts = texts;
    this.#more.addEventListener("click", () => this.onFold(() => this.#fold(!this.#isFolded)));
    // Another width has other lines.
    new ResizeObserver(() => this.#isFolded && this.#showMore()).observe(this.#text);
  }

  show({ slow_ms: ms, notice, read_only: door }) {
    this.#showAnnouncement(notice);
    const slow = ms > 0 ? formatCount(this.#texts, this.#texts.slow, Math.ceil(ms / 1000)) : "";
    this.#showPace(slow, door);
    this.#slowMs = ms;
    this.#count(Math.min(this.#until, Date.now() + ms));
  }

  /** Says who may write and how often, until a door opens by itself. */
  #showPace(slow, door) {
    clearTimeout(this.#opening);
    const left = door ? (door.until ?? Infinity) - Date.now() : 0;
    const shut = () => [this.#texts.read_only, door.text].filter(Boolean).join(" ");
    this.#slow.textContent = left > 0 ? shut() : slow;
    if (left > 0 && left <= MAX_DELAY_MS) this.#opening = setTimeout(() => this.#showPace(slow), left);
  }

  /** A message was sent so long ago: slow mode counts down to the next. */
  countFromMessage(agoMs = 0) {
    if (this.#slowMs > agoMs) this.#count(Date.now() + this.#slowMs - Math.max(0, agoMs));
  }

  /** The server takes no message for a while. */
  countPause(ms) {
    if (this.#slowMs > 0) this.#count(Date.now() + ms);
  }

  #count(until) {
    this.#until = until;
    clearInterval(this.#ticker);
    let left = until - Date.now();
    const tick = () => {
      // A clock that is set back lengthens no wait.
      left = Math.min(left, until - Date.now());
      const seconds = Math.ceil(left / 1000);
      if (seconds <= 0) clearInterval(this.#ticker);
      this.#left.textContent = seconds > 0 ? formatText(this.#texts.slow_left, { time: formatMinutes(seconds) }) : "";
    };
    this.#ticker = setInterval(tick, 250);
    tick();
  }

  /** Only a changed announcement is written: screen readers read it out. */
  #showAnnouncement(notice) {
    if (notice === this.#notice) return;
    this.#notice = notice;
    this.#announcement.hidden = !notice;
    const parts = parseText(notice ?? "", "");
    this.#text.replaceChildren(...parts.map((part) => (part.kind === "link" ? createLink(part) : part.text)));
    this.#fold(true);
  }

  get #isFolded() {
    return this.#announcement.classList.contains("folded");
  }

  #fold(isFolded) {
    this.#announcement.classList.toggle("folded", isFolded);
    this.#more.setAttribute("aria-expanded", String(!isFolded));
    this.#more.textContent = isFolded ? this.#texts.show_more : this.#texts.show_less;
    this.#announcement.scrollTop = 0;
    if (isFolded) this.#showMore();
  }

  #showMore() {
    this.#more.hidden = this.#text.scrollHeight <= this.#text.clientHeight + 1;
  }
}

function formatMinutes(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

// The room's rules, set by the operator: an announcement above the conversation, slow mode below the composer.

import { createLink } from "./message.js";
import { parseText } from "./rich_text.js";
import { formatCount } from "./texts.js";

export class RulesView {
  #announcement;
  #slow;
  #texts;
  #notice = null;

  constructor({ document, texts }) {
    this.#announcement = document.getElementById("announcement");
    this.#slow = document.getElementById("slow");
    this.#texts = texts;
  }

  show({ slow_ms: ms, notice }) {
    this.#showAnnouncement(notice);
    this.#slow.textContent = ms > 0 ? formatCount(this.#texts, this.#texts.slow, Math.ceil(ms / 1000)) : "";
  }

  /** Only a changed announcement is written: screen readers read it out. */
  #showAnnouncement(notice) {
    if (notice === this.#notice) return;
    this.#notice = notice;
    this.#announcement.hidden = !notice;
    const parts = parseText(notice ?? "", "");
    this.#announcement.replaceChildren(...parts.map((part) => (part.kind === "link" ? createLink(part) : part.text)));
  }
}

// What the operator has set for everybody: an announcement above the conversation, slow mode beneath the composer.

import { element } from "./element.js";
import { fill } from "./texts.js";
import { parts } from "./words.js";

/** What holds while nobody has set anything. */
export const NONE = { slow_ms: 0, notice: null };

export class RulesView {
  #notice;
  #slow;
  #texts;

  constructor({ document, texts }) {
    this.#notice = document.getElementById("announcement");
    this.#slow = document.getElementById("slow");
    this.#texts = texts;
  }

  show({ slow_ms: ms, notice }) {
    this.#notice.hidden = !notice;
    if (this.#notice.textContent !== (notice ?? "")) this.#notice.replaceChildren(...parts(notice ?? "", "").map(node));
    const seconds = Math.ceil(ms / 1000);
    this.#slow.textContent = ms > 0 ? fill(this.#texts.slow, { seconds }) : "";
  }
}

function node({ kind, text, href }) {
  if (kind !== "link") return text;
  const link = element("a", "", text);
  return Object.assign(link, { href, target: "_blank", rel: "noopener noreferrer" });
}

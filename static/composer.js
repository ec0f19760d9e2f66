// The box that messages are written in.

import { fill } from "./texts.js";

/** Unicode scalars as the server counts them: composed, without the space around. */
export function measure(text) {
  return [...text.normalize("NFC").trim()].length;
}

/** Calls `say` with a text to send, `typed` and `stopped` while one is written. */
export class Composer {
  #form;
  #box;
  #counter;
  #texts;
  #storage;
  #key;
  #most;
  say = () => {};
  typed = () => {};
  stopped = () => {};

  constructor({ document, texts, storage, key, most }) {
    this.#form = document.getElementById("composer");
    this.#box = document.getElementById("text");
    this.#counter = document.getElementById("counter");
    this.#texts = texts;
    this.#storage = storage;
    this.#key = key;
    this.#most = most;
    this.#form.hidden = false;
    this.#box.value = storage.getItem(key) ?? "";
    this.#form.addEventListener("submit", (event) => this.#submit(event));
    this.#box.addEventListener("keydown", (event) => this.#key_down(event));
    this.#box.addEventListener("input", () => this.#changed());
    this.#fit();
    this.focus();
  }

  focus() {
    this.#box.focus({ preventScroll: true });
  }

  /** The server may allow another length than the page was made with. */
  set most(most) {
    this.#most = most;
    this.#fit();
  }

  #key_down(event) {
    // An Enter that chooses a candidate of an input method is not meant for us.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#box.value.normalize("NFC").trim();
    const length = measure(text);
    if (length > 0 && length <= this.#most) {
      this.#box.value = "";
      this.#changed();
      this.say(text);
    }
    this.focus();
  }

  #changed() {
    this.#storage.setItem(this.#key, this.#box.value);
    this.#fit();
    if (this.#box.value.trim()) this.typed();
    else this.stopped();
  }

  /** As high as its text; and how much may still be written, when it is not much. */
  #fit() {
    this.#box.style.height = "auto";
    this.#box.style.height = `${this.#box.scrollHeight + this.#box.offsetHeight - this.#box.clientHeight}px`;
    const left = this.#most - measure(this.#box.value);
    const near = left < this.#most / 10;
    this.#counter.textContent = near ? fill(this.#texts.left_over, { count: left }) : "";
    this.#counter.classList.toggle("over", left < 0);
    this.#box.ariaInvalid = left < 0 ? "true" : "false";
  }
}

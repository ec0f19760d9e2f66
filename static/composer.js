// The box that messages are written in.

import { Completion } from "./completion.js";
import { counted } from "./texts.js";

/** Unicode scalars as the server counts them: composed, without the space around. */
export function measure(text) {
  let count = 0;
  for (const _ of text.normalize("NFC").trim()) count += 1;
  return count;
}

/** Whether a key press sends: Enter does, but not with Shift, not where an input method takes it, not on touch. */
export function sends({ key, shiftKey, isComposing, keyCode }, touch) {
  return key === "Enter" && !shiftKey && !isComposing && keyCode !== 229 && !touch;
}

/** Calls `say` with a text to send, `typed` and `stopped` while one is written; `names` answers whom @ completes. */
export class Composer {
  #form;
  #box;
  #send;
  #counter;
  #texts;
  #storage;
  #key;
  #most;
  #touch;
  #completion = new Completion();
  /** What was sent last: Up brings it back into an empty box. */
  last = "";
  say = () => {};
  typed = () => {};
  stopped = () => {};
  /** Called when the box may have another height. */
  resized = () => {};
  names = () => [];

  constructor({ document, texts, storage, key, most, touch = matchMedia("(hover: none) and (pointer: coarse)") }) {
    this.#form = document.getElementById("composer");
    this.#box = document.getElementById("text");
    this.#send = document.getElementById("send");
    this.#counter = document.getElementById("counter");
    this.#texts = texts;
    this.#storage = storage;
    this.#key = key;
    this.#most = most;
    this.#touch = touch;
    this.#form.hidden = false;
    this.#box.value = this.#draft();
    // On touch Enter makes a line, and its key shall say so.
    if (touch.matches) this.#box.enterKeyHint = "enter";
    this.#form.addEventListener("submit", (event) => this.#submit(event));
    this.#box.addEventListener("keydown", (event) => this.#pressed(event));
    this.#box.addEventListener("input", () => this.#changed());
    this.#fit();
    // On touch the keyboard would cover what there is to read.
    if (!touch.matches) this.focus();
  }

  focus() {
    this.#box.focus({ preventScroll: true });
  }

  /** The server may allow another length than the page was made with. */
  set most(most) {
    this.#most = most;
    this.#fit();
  }

  #pressed(event) {
    if (sends(event, this.#touch.matches)) {
      event.preventDefault();
      this.#form.requestSubmit();
    } else if (event.key === "ArrowUp" && this.#box.value === "" && this.last) {
      event.preventDefault();
      this.#write(this.last);
    } else if (event.key === "Tab" && !event.shiftKey && !event.isComposing) {
      this.#complete(event);
    }
  }

  /** Tab completes a name where there is one to complete; elsewhere it moves on as always. */
  #complete(event) {
    const { value: text, selectionStart: caret, selectionEnd } = this.#box;
    const next = caret === selectionEnd ? this.#completion.next({ text, caret }, this.names()) : null;
    if (!next) return;
    event.preventDefault();
    this.#write(next.text, next.caret);
  }

  #write(text, caret = text.length) {
    this.#box.value = text;
    this.#box.setSelectionRange(caret, caret);
    this.#changed();
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#box.value.normalize("NFC").trim();
    const length = measure(text);
    if (length > 0 && length <= this.#most) {
      this.#box.value = "";
      this.#changed();
      this.last = text;
      this.say(text);
    }
    this.focus();
  }

  #changed() {
    try {
      this.#storage.setItem(this.#key, this.#box.value);
    } catch {
      // A text too long to be stored is as well too long to be sent.
    }
    this.#fit();
    if (this.#box.value.trim()) this.typed();
    else this.stopped();
  }

  #draft() {
    try {
      return this.#storage.getItem(this.#key) ?? "";
    } catch {
      return "";
    }
  }

  /** As high as its text; and how much may still be written, when it is not much. */
  #fit() {
    this.#box.style.height = "auto";
    this.#box.style.height = `${this.#box.scrollHeight + this.#box.offsetHeight - this.#box.clientHeight}px`;
    this.resized();
    const left = this.#most - measure(this.#box.value);
    const { left_over: some, too_many: none } = this.#texts;
    const near = left <= this.#most / 10;
    this.#counter.textContent = !near ? "" : left < 0 ? counted(this.#texts, none, -left) : counted(this.#texts, some, left);
    this.#counter.classList.toggle("over", left < 0);
    this.#send.disabled = left < 0;
    this.#box.ariaInvalid = String(left < 0);
  }
}

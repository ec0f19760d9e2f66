// The box in which messages are written.

import { formatCount } from "./texts.js";

/** How long the page says that it takes no files. */
const TEXT_ONLY_MS = 8_000;
/** What a name to complete begins with; the keyboards of some languages write a wide one. */
const MENTION_SIGN = /[@＠]/;

/** Counts Unicode scalars as the server does: after NFC, without surrounding white space. */
export function measure(text) {
  let count = 0;
  for (const _ of text.normalize("NFC").trim()) count += 1;
  return count;
}

/** Returns whether a key press sends: Enter without Shift, outside an input method, not on a touch screen. */
export function isSendKey({ key, shiftKey, isComposing, keyCode }, touch) {
  return key === "Enter" && !shiftKey && !isComposing && keyCode !== 229 && !touch;
}

/**
 * Calls `onSend` with a text to send, `onTyping` and `onStop` while one is written; `getNames` returns the names that
 * Tab completes, or a promise of those that begin with a prefix. `keys` are those of the `storage`, for the draft and for
 * a text that is edited.
 */
export class Composer {
  #form;
  #box;
  #send;
  #counter;
  #textOnly;
  #textOnlyTimer;
  #texts;
  #storage;
  #keys;
  #maxLength;
  #touch;
  /** Completes names; loaded with the first text that may have one. */
  #completion = null;
  /** The draft while a message is being edited; null otherwise. */
  #draft = null;
  onSend = () => {};
  onTyping = () => {};
  onStop = () => {};
  /** Called when the height of the box may have changed. */
  onResize = () => {};
  getNames = () => [];
  /** Called by the Up key in an empty box. */
  onUp = () => {};

  constructor({ document, texts, storage, keys, maxLength, touch = matchMedia("(hover: none) and (pointer: coarse)") }) {
    this.#form = document.getElementById("composer");
    this.#box = document.getElementById("text");
    this.#send = document.getElementById("send");
    this.#counter = document.getElementById("counter");
    this.#textOnly = document.getElementById("text-only");
    this.#texts = texts;
    this.#storage = storage;
    this.#keys = keys;
    this.#maxLength = maxLength;
    this.#touch = touch;
    this.#form.hidden = false;
    this.#box.value = storage.read(keys.draft) ?? "";
    // On a touch screen Enter starts a new line; the label of the key says so.
    if (touch.matches) this.#box.enterKeyHint = "enter";
    this.#form.addEventListener("submit", (event) => this.#submit(event));
    this.#box.addEventListener("keydown", (event) => this.#handleKey(event));
    this.#box.addEventListener("input", () => this.#handleInput());
    // A file or a link that is dropped elsewhere would replace the page.
    for (const type of ["paste", "dragover", "drop"]) document.addEventListener(type, (event) => this.#refuseFiles(event));
    // At another width the text has other lines.
    addEventListener("resize", () => this.#fit());
    this.#fit();
    // On a touch screen the focus opens a keyboard, which covers the conversation.
    if (!touch.matches) this.focus();
  }

  /** Whether there is a text in the box, or a draft aside. */
  get hasText() {
    return [this.#box.value, this.#draft].some((text) => text?.trim());
  }

  focus() {
    this.#box.focus({ preventScroll: true });
  }

  /** Puts a text to edit in the place of the draft. */
  startEdit(text) {
    this.#draft ??= this.#box.value;
    this.#setValue(text);
  }

  /** Goes on with an edit from before a reload: with what was typed, if that was stored. */
  resumeEdit(text) {
    this.startEdit(this.#storage.read(this.#keys.edit) ?? text);
  }

  /** Puts the draft back. */
  endEdit() {
    const draft = this.#draft;
    this.#draft = null;
    this.#storage.remove(this.#keys.edit);
    this.#setValue(draft);
  }

  /** Inserts a text at the caret, and moves the focus here. */
  insert(text) {
    this.focus();
    this.#replace(this.#box.selectionStart, this.#box.selectionEnd, text);
  }

  /** The server may allow another length than the one in the page. */
  set maxLength(maxLength) {
    this.#maxLength = maxLength;
    this.#fit();
  }

  #handleKey(event) {
    if (isSendKey(event, this.#touch.matches)) {
      event.preventDefault();
      this.#form.requestSubmit();
    } else if (event.key === "ArrowUp" && this.#box.value === "") {
      event.preventDefault();
      this.onUp();
    } else if (event.key === "Tab" && !event.shiftKey && !event.isComposing) {
      this.#complete(event);
    }
  }

  /** Tab completes a name where one matches, and moves the focus elsewhere. */
  async #complete(event) {
    const { value: text, selectionStart: caret, selectionEnd } = this.#box;
    const hasChanged = () => this.#box.value !== text || this.#box.selectionStart !== caret;
    if (caret !== selectionEnd || !MENTION_SIGN.test(text.slice(0, caret))) return;
    if (!this.#completion) {
      event.preventDefault();
      await this.#loadCompletion();
      if (!this.#completion || hasChanged()) return;
    }
    const prefix = this.#completion.prefixAt({ text, caret });
    if (prefix === null) return;
    let names = this.#completion.continues({ text, caret }) ? [] : this.getNames(prefix);
    if (names instanceof Promise) {
      event.preventDefault();
      names = await names;
      if (hasChanged()) return;
    }
    const next = this.#completion.next({ text, caret }, names);
    if (!next) return;
    event.preventDefault();
    this.#replace(next.start, next.end, next.insert);
  }

  /** Without a connection the next text loads it. */
  async #loadCompletion() {
    const module = await import("./completion.js").catch(() => null);
    if (module) this.#completion ??= new module.Completion();
  }

  /** Replaces a part of the text as typing does: it can be undone. */
  #replace(start, end, insert) {
    this.#box.setSelectionRange(start, end);
    // Nothing newer keeps the history of a text box.
    if (document.execCommand("insertText", false, insert)) return;
    this.#box.setRangeText(insert, start, end, "end");
    this.#handleInput();
  }

  /** A pasted or dropped file has no place here; of what also has a text, the text is taken. */
  #refuseFiles(event) {
    const { types } = event.clipboardData ?? event.dataTransfer;
    const takesText = types.includes("text/plain") && event.target === this.#box;
    if (!types.includes("Files")) return this.#refuseLink(event);
    if (takesText) return;
    event.preventDefault();
    if (event.type !== "dragover") this.#showTextOnly();
  }

  /** A link that is dropped beside a box would replace the page as well. */
  #refuseLink(event) {
    if (!event.dataTransfer || event.target.closest("textarea, input")) return;
    event.dataTransfer.dropEffect = "none";
    event.preventDefault();
  }

  #showTextOnly() {
    this.#textOnly.textContent = this.#texts.text_only;
    clearTimeout(this.#textOnlyTimer);
    this.#textOnlyTimer = setTimeout(() => (this.#textOnly.textContent = ""), TEXT_ONLY_MS);
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#box.value.normalize("NFC").trim();
    const length = measure(text);
    if (length > 0 && length <= this.#maxLength) {
      if (this.#draft === null) this.#setValue("");
      else this.endEdit();
      this.onSend(text);
    }
    this.focus();
  }

  #setValue(text) {
    this.#box.value = text;
    this.#handleInput();
  }

  #handleInput() {
    this.#storage.write(this.#draft === null ? this.#keys.draft : this.#keys.edit, this.#box.value);
    this.#fit();
    if (this.#box.value.trim()) this.onTyping();
    else this.onStop();
  }

  /** Fits the height to the text, and shows the remaining characters when few remain. */
  #fit() {
    this.#box.style.height = "auto";
    this.#box.style.height = `${this.#box.scrollHeight + this.#box.offsetHeight - this.#box.clientHeight}px`;
    this.onResize();
    if (!this.#completion && MENTION_SIGN.test(this.#box.value)) this.#loadCompletion();
    const left = this.#maxLength - measure(this.#box.value);
    const forms = left < 0 ? this.#texts.too_many : this.#texts.left_over;
    const shown = left <= this.#maxLength / 10;
    this.#counter.textContent = shown ? formatCount(this.#texts, forms, Math.abs(left)) : "";
    this.#counter.classList.toggle("over", left < 0);
    this.#send.disabled = left < 0;
    this.#box.setAttribute("aria-invalid", String(left < 0));
    this.#box.parentElement.classList.toggle("invalid", left < 0);
  }
}

// Says in one line how the connection stands, when it does not.

import { fill } from "./texts.js";

/** Being away for so short a time is not worth a word; nor a little longer when the server has said it would be. */
const BLINK_MS = 1000;
const EXPECTED_MS = 8000;

/** Shows the states of a Connection. `retry` is called when the person will not wait. */
export class Status {
  #body;
  #line;
  #text;
  #count;
  #action;
  #texts;
  #ticking;
  #waitingSince = null;
  #quietMs = BLINK_MS;
  #outdated = false;
  retry = () => {};

  constructor({ document, texts }) {
    this.#body = document.body;
    this.#line = document.getElementById("status");
    this.#text = document.getElementById("status-text");
    this.#count = document.getElementById("status-count");
    this.#action = document.getElementById("status-action");
    this.#texts = texts;
  }

  show(change) {
    clearInterval(this.#ticking);
    this.#body.dataset.connection = change.state;
    if (change.state === "online") return this.#online();
    if (change.state === "ended") return this.#end(change);
    if (this.#waitingSince === null) {
      this.#waitingSince = Date.now();
      this.#quietMs = change.expected ? EXPECTED_MS : BLINK_MS;
    }
    const tick = () => this.#tick(change);
    tick();
    this.#ticking = setInterval(tick, 250);
  }

  /** The server has become another version: said until the page is loaded anew. */
  outdated() {
    this.#outdated = true;
    if (this.#waitingSince === null) this.#online();
  }

  #online() {
    this.#waitingSince = null;
    if (!this.#outdated) return this.#hide();
    this.#say(this.#texts.outdated);
    this.#offer(this.#texts.reload, () => location.reload());
  }

  #tick({ state, until, deaf }) {
    if (Date.now() - this.#waitingSince < this.#quietMs) return;
    if (state === "connecting") return this.#say(this.#texts.connecting);
    const seconds = Math.ceil((until - Date.now()) / 1000);
    const { offline, offline_here: here, offline_in: counting, deaf: unheard } = this.#texts;
    // The countdown is for the eyes: to have every second read out would be no calm.
    this.#say(deaf ? unheard : navigator.onLine ? offline : here, seconds > 0 ? fill(counting, { seconds }) : "");
    this.#offer(this.#texts.retry, () => this.retry());
  }

  #end({ signedOut }) {
    this.#say(signedOut ? this.#texts.signed_out : this.#texts.stopped);
    this.#offer(this.#texts.reload, () => location.reload());
  }

  #say(text, count = "") {
    this.#line.hidden = false;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#count.textContent = count;
    if (count === "") this.#action.hidden = true;
  }

  #offer(text, action) {
    this.#action.hidden = false;
    if (this.#action.textContent !== text) this.#action.textContent = text;
    this.#action.onclick = action;
  }

  #hide() {
    this.#line.hidden = true;
    this.#text.textContent = "";
    this.#count.textContent = "";
  }
}

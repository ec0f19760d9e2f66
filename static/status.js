// The status line: tells in one sentence why the page is not connected.

import { formatText } from "./texts.js";

/** A shorter interruption is not shown; a restart that the server announced may take longer. */
const QUIET_MS = 1000;
const QUIET_RESTART_MS = 8000;

/** Shows the states of a Connection. `onRetry` is called when the user does not want to wait. */
export class StatusLine {
  #body;
  #line;
  #text;
  #count;
  #action;
  #texts;
  #ticker;
  #waitingSince = null;
  #quietMs = QUIET_MS;
  #isOutdated = false;
  onRetry = () => {};

  constructor({ document, texts }) {
    this.#body = document.body;
    this.#line = document.getElementById("status");
    this.#text = document.getElementById("status-text");
    this.#count = document.getElementById("status-count");
    this.#action = document.getElementById("status-action");
    this.#texts = texts;
  }

  show(change) {
    clearInterval(this.#ticker);
    this.#body.dataset.connection = change.state;
    if (change.state === "online") return this.#showOnline();
    if (change.state === "ended") return this.#showEnd(change);
    if (this.#waitingSince === null) {
      this.#waitingSince = Date.now();
      this.#quietMs = change.expected ? QUIET_RESTART_MS : QUIET_MS;
    }
    const tick = () => this.#showWaiting(change);
    tick();
    this.#ticker = setInterval(tick, 250);
  }

  /** The server runs another version: shown until the page is reloaded. */
  showOutdated() {
    this.#isOutdated = true;
    if (this.#waitingSince === null) this.#showOnline();
  }

  #showOnline() {
    this.#waitingSince = null;
    if (!this.#isOutdated) return this.#hide();
    this.#showText(this.#texts.outdated);
    this.#showAction(this.#texts.reload, () => location.reload());
  }

  #showWaiting({ state, until, unsubscribed }) {
    if (Date.now() - this.#waitingSince < this.#quietMs) return;
    if (state === "connecting") return this.#showText(this.#texts.connecting);
    const seconds = Math.ceil((until - Date.now()) / 1000);
    const { offline, offline_here: deviceOffline, offline_in: countdown } = this.#texts;
    // The countdown is hidden from screen readers, which would read out each second.
    const count = seconds > 0 ? formatText(countdown, { seconds }) : "";
    const reason = unsubscribed ? this.#texts.unsubscribed : navigator.onLine ? offline : deviceOffline;
    this.#showText(reason, count);
    this.#showAction(this.#texts.retry, () => this.onRetry());
  }

  #showEnd({ signedOut }) {
    this.#showText(signedOut ? this.#texts.signed_out : this.#texts.stopped);
    this.#showAction(this.#texts.reload, () => location.reload());
  }

  #showText(text, count = "") {
    this.#line.hidden = false;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#count.textContent = count;
    if (count === "") this.#action.hidden = true;
  }

  #showAction(text, action) {
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

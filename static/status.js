// The status line: tells in one sentence why the page is not connected.

import { formatText } from "./texts.js";

/** A shorter interruption is not shown; a restart that the server announced may take longer. */
const QUIET_MS = 1000;
const QUIET_RESTART_MS = 8000;

/** The texts of a Connection's reasons. */
const REASONS = {
  gateway: "gateway",
  blocked: "sockets_blocked",
  crowded: "address_crowded",
  closed: "stopped",
  unsubscribed: "unsubscribed",
};

/** Shows the states of a Connection. `onRetry` is called when the user does not want to wait. */
export class StatusLine {
  #body;
  #line;
  #text;
  #count;
  #action;
  #link;
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
    this.#link = document.getElementById("status-link");
    this.#texts = texts;
  }

  show(change) {
    clearInterval(this.#ticker);
    this.#body.dataset.connection = change.state;
    if (change.state === "online") return this.#showOnline();
    if (change.state === "ended") return this.#showText(this.#texts.signed_out);
    if (this.#waitingSince === null) {
      this.#waitingSince = Date.now();
      this.#quietMs = change.expected ? QUIET_RESTART_MS : QUIET_MS;
    }
    // A clock that is set back lengthens no wait.
    let left = (change.until ?? 0) - Date.now();
    const tick = () => this.#showWaiting({ ...change, left: (left = Math.min(left, (change.until ?? 0) - Date.now())) });
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

  #showWaiting({ state, left, reason }) {
    if (Math.abs(Date.now() - this.#waitingSince) < this.#quietMs) return;
    if (state === "connecting" && !reason) return this.#showText(this.#texts.connecting);
    const seconds = Math.ceil(left / 1000);
    // The countdown is hidden from screen readers, which would read out each second.
    this.#showText(this.#explain(reason), seconds > 0 ? formatText(this.#texts.offline_in, { seconds }) : "");
    // A link, because the gateway's own page has to open; it leads back here.
    if (reason === "gateway") this.#showLink(this.#texts.gateway_link);
    else if (reason === "closed") this.#showAction(this.#texts.reload, () => location.reload());
    else this.#showAction(this.#texts.retry, () => this.onRetry());
  }

  #explain(reason) {
    const { offline, offline_here: deviceOffline } = this.#texts;
    return this.#texts[REASONS[reason]] ?? (navigator.onLine ? offline : deviceOffline);
  }

  #showText(text, count = "") {
    this.#line.hidden = false;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#count.textContent = count;
    if (count === "") this.#action.hidden = true;
    this.#link.hidden = true;
  }

  #showLink(text) {
    this.#action.hidden = true;
    this.#link.hidden = false;
    if (this.#link.textContent !== text) this.#link.textContent = text;
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

// Says in one line how the connection stands, when it does not.

import { fill } from "./texts.js";

/** Shows the states of a Connection. `retry` is called when the person will not wait. */
export class Status {
  #body;
  #line;
  #text;
  #action;
  #texts;
  #ticking;
  retry = () => {};

  constructor({ document, texts }) {
    this.#body = document.body;
    this.#line = document.getElementById("status");
    this.#text = document.getElementById("status-text");
    this.#action = document.getElementById("status-action");
    this.#texts = texts;
  }

  show(change) {
    clearInterval(this.#ticking);
    this.#body.dataset.connection = change.state;
    if (change.state === "online") return this.#hide();
    if (change.state === "waiting") return this.#wait(change);
    if (change.state === "ended") return this.#end(change);
    // The first connection is made in a moment: it is worth a word only if it is not.
    this.#ticking = setTimeout(() => this.#say(this.#texts.connecting), 1000);
  }

  #wait({ until, deaf }) {
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      const { offline_in: counting, offline_now: now } = this.#texts;
      this.#say(deaf ? this.#texts.deaf : seconds > 0 ? fill(counting, { seconds }) : now);
      this.#offer(this.#texts.retry, () => this.retry());
    };
    tick();
    this.#ticking = setInterval(tick, 1000);
  }

  #end({ signedOut }) {
    this.#say(signedOut ? this.#texts.signed_out : this.#texts.stopped);
    this.#offer(this.#texts.reload, () => location.reload());
  }

  #say(text) {
    this.#line.hidden = false;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#action.hidden = true;
  }

  #offer(text, action) {
    this.#action.hidden = false;
    this.#action.textContent = text;
    this.#action.onclick = action;
  }

  #hide() {
    this.#line.hidden = true;
    this.#text.textContent = "";
  }
}

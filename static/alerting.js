// Sound and notifications for mentions. Loaded in all tabs once one of the boxes is ticked.

import { isPermitted, notify, playSound, prepare } from "./alerts.js";
import { MentionAlerts } from "./mention_alerts.js";
import { formatCount } from "./texts.js";

/** `onRefused` is called when the browser lets the site notify no more. */
export class Alerting {
  #preferences;
  #texts;
  #onRefused;
  #mentions;

  constructor({ preferences, texts, isInFront, onRefused }) {
    this.#preferences = preferences;
    this.#texts = texts;
    this.#onRefused = onRefused;
    const alert = (message, count) => this.#alert(message, count);
    this.#mentions = new MentionAlerts({ channel: new BroadcastChannel("ruang.alerts"), isInFront, alert });
  }

  /** The user is mentioned. */
  add(message) {
    this.#mentions.add(message);
  }

  /** The user is in front of this tab. */
  clear() {
    this.#mentions.clear();
    this.check();
  }

  /** The permission may have been changed in the browser's own settings. */
  async check() {
    if (!this.#preferences.get("notify")) return;
    if (isPermitted()) await prepare();
    else this.#onRefused();
  }

  async #alert({ from, text }, count) {
    if (this.#preferences.get("sound")) playSound();
    if (!this.#preferences.get("notify")) return;
    const [title, body] = count > 1 ? [formatCount(this.#texts, this.#texts.mentions, count), `${from}: ${text}`] : [from, text];
    if (!(await notify(title, body, document.querySelector("link[rel=icon]").href))) this.#onRefused();
  }
}

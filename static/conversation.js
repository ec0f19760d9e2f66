// What frames mean: the rules of a client, between the connection and what is shown. Knows no DOM.

import { compare } from "./id.js";
import { NONE } from "./rules.js";

const AGAIN_AFTER_MS = 2_000;

/**
 * Brings the connection's frames into the timeline, the presence and the outbox, and the outbox' entries out.
 * `view` is told { people, outbox, typing, rules } when that has changed, and of what others said (`arrived`); `send` answers
 * false while nothing may be sent.
 */
export class Conversation {
  #you;
  #timeline;
  #presence;
  #outbox;
  #view;
  #send;
  #later;
  #paused = false;
  limits = {};

  constructor({ you, timeline, presence, outbox, view, send, later = (action, ms) => setTimeout(action, ms) }) {
    this.#you = you;
    this.#timeline = timeline;
    this.#presence = presence;
    this.#outbox = outbox;
    this.#view = view;
    this.#send = send;
    this.#later = later;
  }

  /** A frame came; of a welcome, whether it was asked for. */
  heard(frame, asked) {
    switch (frame.type) {
      case "welcome":
        return this.#welcome(frame, asked);
      case "message":
        return this.#message(frame);
      case "ack":
        return this.#acknowledged(frame);
      case "presence":
        return this.#people(frame);
      case "typing":
        return this.#view.typing(frame.names.filter((name) => name !== this.#you), frame.count);
      case "rules":
        return this.#view.rules(frame);
      case "removed":
        return this.#timeline.removed(frame.id);
      case "error":
        return this.#error(frame);
    }
  }

  /** The person said something: sent as soon as it may be. */
  say(text) {
    this.#outbox.add(text);
    this.flush();
  }

  /** Says a refused text again. */
  sayAgain(nonce) {
    this.#outbox.retry(nonce);
    this.flush();
  }

  /** Gives a refused text up. */
  discard(nonce) {
    this.#outbox.drop(nonce);
    this.#view.outbox();
  }

  disconnected() {
    this.#outbox.disconnected();
    this.#view.outbox();
    this.#view.typing([], 0);
  }

  #welcome(frame, asked) {
    this.#you = frame.you;
    this.limits = frame.limits;
    this.#view.rules(frame.rules ?? NONE);
    for (const message of frame.messages) this.#dropOwn(message);
    for (const message of this.#timeline.welcome(frame, asked)) this.#tell(message);
    this.#presence.welcome(frame.members);
    this.#outbox.welcomed(frame);
    this.#view.people();
    this.flush();
  }

  #message(message) {
    this.#dropOwn(message);
    if (this.#timeline.add(message)) this.#tell(message);
    this.flush();
  }

  #acknowledged({ nonce, id }) {
    const { since } = this.#timeline;
    // What is not newer than the timeline was shown, or is in a gap, or deleted: no message will come.
    if (since !== null && compare(id, since) <= 0) this.#outbox.drop(nonce);
    else this.#outbox.acknowledge(nonce, id);
    this.flush();
  }

  #tell(message) {
    if (message.from !== this.#you && !message.removed) this.#view.arrived(message);
  }

  #dropOwn({ from, nonce }) {
    if (from === this.#you) this.#outbox.drop(nonce);
  }

  #people(frame) {
    const { joined, left } = this.#presence.change(frame);
    for (const name of left) this.#timeline.notice("left", name);
    for (const name of joined) if (name !== this.#you) this.#timeline.notice("joined", name);
    this.#view.people();
  }

  #error({ code, nonce, retry_after_ms: ms }) {
    if (nonce === undefined) return;
    if (code === "rate_limited" || code === "unavailable") {
      this.#pause(ms ?? AGAIN_AFTER_MS);
      this.#outbox.postpone(nonce);
    } else if (code === "not_joined") {
      this.#outbox.postpone(nonce);
    } else {
      this.#outbox.refuse(nonce, code);
    }
    this.flush();
  }

  #pause(ms) {
    if (this.#paused) return;
    this.#paused = true;
    this.#later(() => {
      this.#paused = false;
      this.flush();
    }, ms);
  }

  /** Sends what may be sent. */
  flush() {
    const entry = this.#paused ? undefined : this.#outbox.next();
    if (entry) {
      if (this.#send({ type: "message", nonce: entry.nonce, text: entry.text })) this.#outbox.sent(entry.nonce);
      else this.#outbox.postpone(entry.nonce);
    }
    this.#view.outbox();
  }
}

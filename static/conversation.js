// The rules of a client: applies frames of the server and sends the outbox. Does not touch the DOM.

import { syncServerClock } from "./clock.js";
import { compareIds } from "./id.js";

const RETRY_DELAY_MS = 2_000;
/** The rules of a room in which the operator has set none. */
const NO_RULES = { slow_ms: 0, notice: null };

/**
 * Applies frames to the timeline, the presence and the outbox, and sends the outbox' entries. Calls `view` when the
 * members, the outbox, typing or the rules have changed, with messages of others, with every new message to `announce`,
 * when an own message was stored, and when the server takes none for a while. `send` returns false while the connection
 * takes no frame.
 */
export class Conversation {
  #you;
  #timeline;
  #presence;
  #outbox;
  #view;
  #send;
  #delay;
  /** Identifies the pause that the server asked for; null where there is none. */
  #pauseId = null;

  constructor({ you, timeline, presence, outbox, view, send, delay = (action, ms) => setTimeout(action, ms) }) {
    this.#you = you;
    this.#timeline = timeline;
    this.#presence = presence;
    this.#outbox = outbox;
    this.#view = view;
    this.#send = send;
    this.#delay = delay;
  }

  /** Handles a frame; `request` is the join that a welcome answers, or null. */
  handleFrame(frame, request) {
    switch (frame.type) {
      case "welcome":
        return this.#handleWelcome(frame, request);
      case "message":
        return this.#handleMessage(frame);
      case "ack":
        return this.#handleAck(frame);
      case "presence":
        return this.#handlePresence(frame);
      case "typing":
        return this.#view.showTyping(frame.names.filter((name) => name !== this.#you), frame.count);
      case "rules":
        return this.#handleRules(frame);
      case "removed":
        this.#timeline.markRemoved(frame.id);
        return this.#view.onChange(frame.id);
      case "edited":
        this.#timeline.markEdited(frame);
        return this.#view.onChange(frame.id);
      case "error":
        return this.#handleError(frame);
    }
  }

  /** Queues a text of the user and sends it as soon as possible. */
  send(text, { replyTo } = {}) {
    this.#outbox.add(text, { replyTo });
    this.flush();
  }

  /** Queues a new text of one's own message. */
  edit(target, text) {
    this.#outbox.add(text, { kind: "edit", target });
    this.flush();
  }

  /** Queues the deletion of one's own message. */
  delete(target) {
    this.#outbox.add("", { kind: "delete", target });
    this.flush();
  }

  /** Sends a refused text again. */
  retry(nonce) {
    this.#outbox.retry(nonce);
    this.flush();
  }

  /** Discards a refused text. */
  discard(nonce) {
    this.#outbox.remove(nonce);
    this.#view.showOutbox();
  }

  handleDisconnect() {
    this.#outbox.postponeAll();
    this.#view.showOutbox();
    this.#view.showTyping([], 0);
  }

  /** Sends the next entry, if none is in flight. */
  flush() {
    const entry = this.#pauseId ? undefined : this.#outbox.next();
    if (entry) {
      if (this.#send(toFrame(entry))) this.#outbox.markSent(entry.nonce);
      else this.#outbox.postpone(entry.nonce);
    }
    this.#view.showOutbox();
  }

  #handleWelcome(frame, request) {
    this.#you = frame.you;
    this.#view.showRules(frame.rules ?? NO_RULES);
    this.#resume();
    for (const message of frame.messages) this.#removeOwn(message);
    for (const message of this.#timeline.applyWelcome(frame, request)) {
      if (request && !message.removed) this.#view.announce(message);
      this.#report(message);
    }
    this.#presence.reset(frame.members);
    this.#outbox.reconcile(frame);
    this.#view.showPeople();
    this.flush();
  }

  #handleMessage(message) {
    syncServerClock(message.at);
    this.#removeOwn(message);
    if (this.#timeline.add(message)) {
      this.#view.announce(message);
      this.#report(message);
    }
    this.flush();
  }

  #handleAck({ nonce, id }) {
    const { since } = this.#timeline;
    const kind = this.#outbox.kindOf(nonce);
    // A message that is not newer than the timeline is shown, in a gap, or deleted: it will not arrive again.
    if (kind || (since !== null && compareIds(id, since) <= 0)) this.#outbox.remove(nonce);
    else this.#outbox.acknowledge(nonce, id);
    // A deletion is not slowed down.
    if (kind !== "delete") this.#view.onSent();
    this.flush();
  }

  #report(message) {
    if (message.from !== this.#you && !message.removed) this.#view.onMessage(message);
  }

  #removeOwn({ from, nonce }) {
    if (from === this.#you) this.#outbox.remove(nonce);
  }

  #handlePresence(frame) {
    const { joined, left } = this.#presence.applyChange(frame);
    for (const name of left) this.#timeline.addPresence("left", name);
    for (const name of joined) if (name !== this.#you) this.#timeline.addPresence("joined", name);
    this.#view.showPeople();
  }

  #handleError({ code, nonce, retry_after_ms: ms, rule }) {
    if (nonce === undefined) return;
    if (code === "rate_limited" || code === "unavailable") {
      this.#pause(ms ?? RETRY_DELAY_MS);
      if (code === "rate_limited") this.#view.onPause(ms ?? RETRY_DELAY_MS);
      this.#outbox.postpone(nonce);
    } else if (code === "not_joined") {
      this.#outbox.postpone(nonce);
    } else if (this.#outbox.kindOf(nonce) === "delete") {
      // `gone`: what was wanted is the case.
      this.#outbox.remove(nonce);
      if (code !== "gone") this.#view.onRefusedDeletion();
    } else {
      this.#outbox.refuse(nonce, rule ?? code);
    }
    this.flush();
  }

  /** Slow mode may be over: what waits for it is sent at once, and the server says if it has to wait. */
  #handleRules(rules) {
    this.#view.showRules(rules);
    this.#resume();
    this.flush();
  }

  #pause(ms) {
    if (this.#pauseId) return;
    const id = (this.#pauseId = {});
    this.#delay(() => {
      if (this.#pauseId !== id) return;
      this.#resume();
      this.flush();
    }, ms);
  }

  #resume() {
    this.#pauseId = null;
  }
}

/** The frame that an entry of the outbox is sent as. */
function toFrame({ nonce, text, kind, target: id, replyTo }) {
  if (kind === "delete") return { type: "delete", nonce, id };
  if (kind === "edit") return { type: "edit", nonce, id, text };
  return replyTo ? { type: "message", nonce, text, reply_to: replyTo } : { type: "message", nonce, text };
}

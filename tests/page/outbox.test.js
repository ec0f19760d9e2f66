import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../static/outbox.js";
import { BROKEN_STORAGES, fakeArea, fakeStorage } from "./fake_storage.js";

const MINUTE = 60_000;

function outbox(storage = fakeStorage(), now = () => 0) {
  let n = 0;
  return new Outbox({ storage, key: "o", createNonce: () => `n${(n += 1)}`, now });
}

/** An outbox with a text that was sent at 0 and acknowledged as 7-1, and its clock. */
function withAcknowledged() {
  const clock = { now: 0 };
  const storage = fakeStorage();
  const box = outbox(storage, () => clock.now);
  box.add("a");
  box.markSent(box.next().nonce);
  box.acknowledge("n1", "7-1");
  return { box, storage, clock };
}

test("outbox_sends_one_message_at_a_time_in_order", () => {
  const box = outbox();
  box.add("a");
  box.add("b");
  assert.equal(box.next().text, "a");
  assert.equal(box.next(), undefined);
  box.acknowledge("n1", "7-1");
  assert.equal(box.next().text, "b");
});

test("message_in_flight_at_a_disconnect_keeps_its_nonce", () => {
  const box = outbox();
  box.add("a");
  const { nonce } = box.next();
  box.postponeAll();
  assert.equal(box.next().nonce, nonce);
});

test("reload_sends_again_with_the_same_nonce", () => {
  const storage = fakeStorage();
  const before = outbox(storage);
  before.add("a");
  before.next();
  assert.deepEqual(outbox(storage).next(), { nonce: "n1", text: "a", state: "sent", saidAt: 0 });
});

test("acknowledged_message_is_shown_but_not_stored", () => {
  const storage = fakeStorage();
  const box = outbox(storage);
  box.add("a");
  box.next();
  box.acknowledge("n1", "7-1");
  assert.equal(box.entries.length, 1);
  assert.equal(outbox(storage).entries.length, 0);
  box.remove("n1");
  assert.equal(box.entries.length, 0);
});

test("acknowledged_message_missing_in_a_welcome_is_sent_again", () => {
  for (const missed of [0, 600, null]) {
    const { box, storage } = withAcknowledged();
    box.reconcile({ messages: [{ id: "7-2" }], missed });
    assert.equal(outbox(storage).entries.length, 1);
    assert.equal(box.next().nonce, "n1");
  }
});

test("acknowledged_message_deleted_meanwhile_is_not_sent_again", () => {
  const { box } = withAcknowledged();
  box.reconcile({ messages: [{ id: "7-1", removed: true }], missed: 0 });
  assert.equal(box.entries.length, 0);
});

test("old_acknowledged_message_asks_only_after_a_known_loss", () => {
  for (const [missed, reasons] of [[0, []], [600, []], [null, ["unsure"]]]) {
    const { box, clock } = withAcknowledged();
    clock.now = 10 * MINUTE;
    box.reconcile({ messages: [], missed });
    assert.equal(box.next(), undefined);
    assert.deepEqual(box.entries.map(({ reason }) => reason), reasons);
  }
});

test("refused_message_waits_and_is_retried_as_a_new_one", () => {
  const box = outbox();
  box.add("a");
  box.next();
  box.refuse("n1", "too_long");
  assert.equal(box.next(), undefined);
  box.retry("n1");
  assert.equal(box.next().nonce, "n2");
});

test("outbox_without_storage_still_sends", () => {
  for (const [name, open] of Object.entries(BROKEN_STORAGES)) {
    const box = outbox(open());
    box.add("a");
    assert.equal(box.next().text, "a", name);
  }
});

test("unreadable_entries_are_ignored", () => {
  for (const broken of ["{", "7", "{}", "[null]", '[{"nonce":"n1"}]']) {
    assert.deepEqual(outbox(fakeStorage(fakeArea({ o: broken }))).entries, [], broken);
  }
});

test("message_beyond_nonce_memory_asks_and_blocks_no_other", () => {
  let now = 0;
  const storage = fakeStorage();
  const box = outbox(storage, () => now);
  box.add("a");
  box.markSent(box.next().nonce);
  box.postponeAll();
  now = 8 * MINUTE;
  assert.equal(box.next().text, "a");
  box.postponeAll();
  now = 9 * MINUTE + 1;
  const reloaded = new Outbox({ storage, key: "o", createNonce: () => "m1", now: () => now });
  reloaded.add("b");
  assert.equal(reloaded.next().text, "b");
  assert.deepEqual([reloaded.entries[0].state, reloaded.entries[0].reason], ["refused", "unsure"]);
});

test("nonce_age_counts_from_the_first_send", () => {
  let now = 0;
  const box = outbox(fakeStorage(), () => now);
  box.add("a");
  for (now of [0, 4 * MINUTE, 8 * MINUTE]) {
    box.markSent(box.next().nonce);
    box.postponeAll();
  }
  now = 9 * MINUTE + 1;
  assert.equal(box.next(), undefined);
  box.retry("n1");
  assert.deepEqual(box.next(), { nonce: "n2", text: "a", state: "sent", saidAt: now });
});

test("unsent_message_of_a_live_page_is_sent_however_old", () => {
  let now = 0;
  const box = outbox(fakeStorage(), () => now);
  box.add("a");
  now = 3 * 60 * MINUTE;
  assert.equal(box.next().text, "a");
});

test("unsent_message_of_a_closed_page_asks_when_old", () => {
  let now = 0;
  const storage = fakeStorage();
  outbox(storage, () => now).add("a");
  now = 2 * 60 * MINUTE;
  const box = outbox(storage, () => now);
  assert.equal(box.next(), undefined);
  assert.equal(box.entries[0].reason, "stale");
});

test("adopted_message_keeps_its_nonce_and_is_added_once", () => {
  const box = outbox();
  for (let n = 0; n < 2; n += 1) box.adopt([{ nonce: "x", text: "a", state: "waiting", saidAt: 0, sentAt: 0 }]);
  assert.equal(box.entries.length, 1);
  assert.equal(box.next().nonce, "x");
});

test("edits_deletions_and_answers_survive_a_reload_in_order", () => {
  const storage = fakeStorage();
  const box = outbox(storage);
  box.add("b", { kind: "edit", target: "7-1" });
  box.add("", { kind: "delete", target: "7-2" });
  box.add("c", { replyTo: "7-1" });
  const restored = outbox(storage).entries.map(({ text, kind, target, replyTo }) => [text, kind, target, replyTo]);
  assert.deepEqual(restored, [["b", "edit", "7-1", undefined], ["", "delete", "7-2", undefined], ["c", undefined, undefined, "7-1"]]);
});

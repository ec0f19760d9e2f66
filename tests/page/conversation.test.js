import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation } from "../../static/conversation.js";
import { Outbox } from "../../static/outbox.js";
import { Presence } from "../../static/presence.js";
import { Timeline } from "../../static/timeline.js";
import { fakeStorage } from "./fake_storage.js";

const NO_VIEW = { insert() {}, remove() {}, replace() {}, clear() {}, showOlder() {}, isRead: () => false };

function chat() {
  const world = { sent: [], online: true, delayed: [], typing: [], reported: [], announced: [], changed: [], refused: 0 };
  let n = 0;
  world.timeline = new Timeline(NO_VIEW);
  world.outbox = new Outbox({ storage: fakeStorage(), key: "o", createNonce: () => `n${(n += 1)}` });
  world.conversation = new Conversation({
    you: "sari",
    timeline: world.timeline,
    presence: new Presence(),
    outbox: world.outbox,
    send: (frame) => world.online && world.sent.push(frame) > 0,
    view: {
      showPeople() {},
      showOutbox() {},
      onMessage: ({ id }) => world.reported.push(id),
      announce: ({ id }) => world.announced.push(id),
      showTyping: (names) => (world.typing = names),
      showRules: (rules) => (world.rules = rules),
      onSent() {},
      onPause() {},
      onChange: (id) => world.changed.push(id),
      onRefusedDeletion: () => (world.refused += 1),
    },
    delay: (action) => world.delayed.push(action),
  });
  world.receive = (frame) => world.conversation.handleFrame(frame, { since: world.timeline.since });
  world.welcome = (messages = [], head = null) =>
    world.receive({ type: "welcome", you: "sari", recovered: true, missed: 0, messages, head, members: { count: 1, names: ["sari"] }, limits: {} });
  world.texts = () => world.sent.map(({ text }) => text);
  world.presence = () => world.timeline.rows.flatMap((row) => row.events ?? []).map((event) => [event.what, event.username]);
  return world;
}

const own = (nonce, n) => ({ type: "message", id: `7-${n}`, nonce, from: "sari", text: "x", at: n });

test("acks_and_messages_in_either_order_send_the_next_text", () => {
  for (const first of ["ack", "message"]) {
    const world = chat();
    world.welcome();
    world.conversation.send("a");
    world.conversation.send("b");
    assert.deepEqual(world.texts(), ["a"]);
    const frames = [{ type: "ack", nonce: "n1", id: "7-1" }, own("n1", 1)];
    for (const frame of first === "ack" ? frames : frames.reverse()) world.receive(frame);
    assert.deepEqual(world.texts(), ["a", "b"]);
    assert.deepEqual(world.outbox.entries.map(({ nonce }) => nonce), ["n2"]);
  }
});

test("acknowledged_text_missing_after_reconnect_is_sent_again", () => {
  const world = chat();
  world.welcome();
  world.conversation.send("a");
  world.receive({ type: "ack", nonce: "n1", id: "7-1" });
  world.conversation.handleDisconnect();
  world.welcome([own("n1", 1)]);
  assert.deepEqual(world.texts(), ["a"]);
  world.conversation.send("b");
  world.receive({ type: "ack", nonce: "n2", id: "7-2" });
  world.conversation.handleDisconnect();
  world.welcome();
  assert.deepEqual(world.sent.map(({ nonce }) => nonce), ["n1", "n2", "n2"]);
});

test("ack_behind_the_timeline_removes_the_text", () => {
  const world = chat();
  world.welcome();
  world.conversation.send("a");
  world.conversation.handleDisconnect();
  world.welcome([], "7-900");
  world.receive({ type: "ack", nonce: "n1", id: "7-2" });
  assert.deepEqual(world.outbox.entries, []);
});

test("ack_does_not_move_since", () => {
  const world = chat();
  world.welcome();
  world.conversation.send("a");
  world.receive({ type: "ack", nonce: "n1", id: "7-9" });
  assert.equal(world.timeline.since, null);
});

test("message_of_another_person_with_the_nonce_is_not_ones_own", () => {
  const world = chat();
  world.welcome();
  world.conversation.send("a");
  world.receive({ ...own("n1", 1), from: "adi" });
  assert.equal(world.outbox.entries.length, 1);
});

test("unavailable_sends_again_later_under_the_same_nonce", () => {
  const world = chat();
  world.welcome();
  world.conversation.send("a");
  world.receive({ type: "error", code: "unavailable", nonce: "n1" });
  assert.equal(world.sent.length, 1);
  world.delayed.pop()();
  assert.deepEqual(world.sent.map(({ nonce }) => nonce), ["n1", "n1"]);
});

test("text_written_offline_is_sent_unless_the_welcome_has_it", () => {
  const world = chat();
  world.online = false;
  world.conversation.send("a");
  world.conversation.send("b");
  world.online = true;
  world.welcome([own("n1", 1)]);
  assert.deepEqual(world.texts(), ["b"]);
});

test("refused_text_stays_and_does_not_block_the_next", () => {
  const world = chat();
  world.welcome();
  world.conversation.send("a");
  world.conversation.send("b");
  world.receive({ type: "error", code: "too_long", nonce: "n1" });
  assert.deepEqual(world.texts(), ["a", "b"]);
  assert.equal(world.outbox.entries[0].state, "refused");
});

test("presence_of_others_is_shown_and_ones_own_is_not", () => {
  const world = chat();
  world.welcome();
  world.receive({ type: "presence", joined: ["sari", "adi"], left: [], count: 2 });
  world.receive({ type: "presence", joined: [], left: ["adi"], count: 1 });
  assert.deepEqual(world.presence(), [["joined", "adi"], ["left", "adi"]]);
});

test("typing_of_oneself_is_not_shown", () => {
  const world = chat();
  world.receive({ type: "typing", names: ["sari", "adi"], count: 2 });
  assert.deepEqual(world.typing, ["adi"]);
});

test("message_of_another_is_reported_once_and_ones_own_never", () => {
  const world = chat();
  world.welcome([{ ...own("x", 1), from: "adi" }, own("y", 2)]);
  world.receive({ ...own("x", 1), from: "adi" });
  world.receive({ ...own("z", 3), from: "adi" });
  assert.deepEqual(world.reported, ["7-1", "7-3"]);
});

test("rules_hold_until_changed_or_absent_from_a_welcome", () => {
  const world = chat();
  world.welcome();
  assert.deepEqual([world.rules.slow_ms, world.rules.notice], [0, null]);
  world.receive({ type: "rules", slow_ms: 1000, notice: "x" });
  assert.deepEqual([world.rules.slow_ms, world.rules.notice], [1000, "x"]);
  world.welcome();
  assert.deepEqual([world.rules.slow_ms, world.rules.notice], [0, null]);
});

test("message_deleted_while_away_is_a_row_without_text", () => {
  const world = chat();
  world.welcome([{ type: "removed", id: "7-1", from: "budi", at: 1 }, own("n9", 2)]);
  assert.deepEqual(world.timeline.rows[0].message, { id: "7-1", removed: true, from: "budi", at: 1, text: "" });
  assert.deepEqual(world.reported, []);
});

test("slow_mode_that_is_lifted_ends_the_waiting", () => {
  for (const lift of ["rules", "welcome"]) {
    const world = chat();
    world.welcome();
    world.conversation.send("a");
    world.receive({ type: "error", code: "rate_limited", nonce: "n1", retry_after_ms: 3_600_000 });
    world.conversation.send("b");
    assert.deepEqual(world.texts(), ["a"]);
    if (lift === "rules") world.receive({ type: "rules", slow_ms: 0, notice: null });
    else world.welcome();
    assert.deepEqual(world.texts(), ["a", "a"], lift);
    world.receive({ type: "error", code: "rate_limited", nonce: "n1", retry_after_ms: 1000 });
    world.delayed[0]();
    assert.deepEqual(world.texts(), ["a", "a"], "the former pause is over");
    world.delayed[1]();
    assert.deepEqual(world.texts(), ["a", "a", "a"]);
  }
});

test("only_new_messages_are_announced", () => {
  const world = chat();
  world.welcome([{ ...own("x", 1), from: "adi" }]);
  world.receive({ ...own("y", 2), from: "adi" });
  world.receive({ ...own("y", 2), from: "adi" });
  world.receive(own("z", 3));
  assert.deepEqual(world.announced, ["7-1", "7-2", "7-3"]);
  const history = [{ ...own("w", 0), from: "adi" }];
  world.timeline.insertHistory(world.timeline.historyRequest(null), { messages: history, more: false });
  world.conversation.handleFrame(
    { type: "welcome", you: "sari", recovered: false, missed: null, messages: history, head: "7-3", members: { count: 1, names: null } },
    null,
  );
  assert.deepEqual(world.announced, ["7-1", "7-2", "7-3"]);
});

test("edits_and_deletions_are_sent_in_order_under_nonces", () => {
  const world = chat();
  world.welcome([own("x", 1)], "7-1");
  world.conversation.edit("7-1", "b");
  world.conversation.delete("7-1");
  world.conversation.send("c", { replyTo: "7-1" });
  assert.deepEqual(world.sent, [{ type: "edit", nonce: "n1", id: "7-1", text: "b" }], "one at a time");
  world.receive({ type: "edited", id: "7-1", text: "b", edited_at: 5 });
  world.receive({ type: "ack", nonce: "n1", id: "7-1" });
  world.receive({ type: "ack", nonce: "n2", id: "7-1" });
  assert.deepEqual(world.sent.slice(1), [
    { type: "delete", nonce: "n2", id: "7-1" },
    { type: "message", nonce: "n3", text: "c", reply_to: "7-1" },
  ]);
  assert.deepEqual(world.changed, ["7-1"]);
  assert.deepEqual(world.announced, ["7-1"], "an edit is not announced");
});

test("refused_edit_stays_and_refused_deletion_is_reported", () => {
  const world = chat();
  world.welcome([own("x", 1)], "7-1");
  world.conversation.edit("7-1", "b");
  world.receive({ type: "error", code: "too_late", nonce: "n1" });
  assert.deepEqual(world.outbox.entries.map(({ state, reason, text }) => [state, reason, text]), [["refused", "too_late", "b"]]);
  world.conversation.delete("7-1");
  world.receive({ type: "error", code: "gone", nonce: "n2" });
  assert.equal(world.refused, 0, "what was wanted is the case");
  world.conversation.delete("7-1");
  world.receive({ type: "error", code: "not_yours", nonce: "n3" });
  assert.equal(world.refused, 1);
  world.conversation.retry("n1");
  assert.deepEqual(world.sent.at(-1), { type: "message", nonce: "n4", text: "b" }, "a refused edit becomes a message");
});

test("text_refused_by_a_rule_waits_with_its_kind", () => {
  const world = chat();
  world.welcome();
  world.conversation.send("spam");
  world.conversation.send("halo");
  world.receive({ type: "error", code: "refused", nonce: "n1", rule: "word" });
  const [refused] = world.outbox.entries;
  assert.deepEqual([refused.state, refused.reason, refused.text], ["refused", "word", "spam"]);
  assert.deepEqual(world.texts(), ["spam", "halo"]);
  world.receive({ type: "error", code: "refused", nonce: "n2" });
  assert.equal(world.outbox.entries[1].reason, "refused");
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversation } from "../../static/conversation.js";
import { Outbox } from "../../static/outbox.js";
import { Presence } from "../../static/presence.js";
import { Timeline } from "../../static/timeline.js";

const NOTHING = { insert() {}, remove() {}, replace() {}, clear() {}, more() {} };

function chat() {
  const world = { sent: [], online: true, later: [], typing: [], arrived: [] };
  let n = 0;
  world.timeline = new Timeline(NOTHING);
  world.outbox = new Outbox({ storage: { getItem: () => null, setItem() {}, removeItem() {} }, key: "", nonce: () => `n${(n += 1)}` });
  world.conversation = new Conversation({
    you: "sari",
    timeline: world.timeline,
    presence: new Presence(),
    outbox: world.outbox,
    send: (frame) => world.online && world.sent.push(frame) > 0,
    view: { people() {}, outbox() {}, arrived: ({ id }) => world.arrived.push(id), typing: (names) => (world.typing = names), rules: (set) => (world.rules = set) },
    later: (action) => world.later.push(action),
  });
  world.hear = (frame) => world.conversation.heard(frame, true);
  world.welcome = (messages = [], head = null) =>
    world.hear({ type: "welcome", you: "sari", recovered: true, missed: 0, messages, head, members: { count: 1, names: ["sari"] }, limits: {} });
  world.texts = () => world.sent.map(({ text }) => text);
  world.notices = () => world.timeline.rows.flatMap((row) => row.events ?? []).map((event) => [event.what, event.username]);
  return world;
}

const own = (nonce, n) => ({ type: "message", id: `7-${n}`, nonce, from: "sari", text: "x", at: n });

test("ack and message may come in either order, and the next text follows", () => {
  for (const first of ["ack", "message"]) {
    const world = chat();
    world.welcome();
    world.conversation.say("a");
    world.conversation.say("b");
    assert.deepEqual(world.texts(), ["a"]);
    const frames = [{ type: "ack", nonce: "n1", id: "7-1" }, own("n1", 1)];
    for (const frame of first === "ack" ? frames : frames.reverse()) world.hear(frame);
    assert.deepEqual(world.texts(), ["a", "b"]);
    assert.deepEqual(world.outbox.entries.map(({ nonce }) => nonce), ["n2"]);
  }
});

test("an acknowledged text that a reconnect does not bring is said again, and one that it brings is not", () => {
  const world = chat();
  world.welcome();
  world.conversation.say("a");
  world.hear({ type: "ack", nonce: "n1", id: "7-1" });
  world.conversation.disconnected();
  world.welcome([own("n1", 1)]);
  assert.deepEqual(world.texts(), ["a"]);
  world.conversation.say("b");
  world.hear({ type: "ack", nonce: "n2", id: "7-2" });
  world.conversation.disconnected();
  world.welcome();
  assert.deepEqual(world.sent.map(({ nonce }) => nonce), ["n1", "n2", "n2"]);
});

test("an ack of what the timeline is past is the last that is heard of a text", () => {
  const world = chat();
  world.welcome();
  world.conversation.say("a");
  world.conversation.disconnected();
  world.welcome([], "7-900");
  world.hear({ type: "ack", nonce: "n1", id: "7-2" });
  assert.deepEqual(world.outbox.entries, []);
});

test("an ack does not move the id to join from", () => {
  const world = chat();
  world.welcome();
  world.conversation.say("a");
  world.hear({ type: "ack", nonce: "n1", id: "7-9" });
  assert.equal(world.timeline.since, null);
});

test("another person's message with the same nonce is not one's own", () => {
  const world = chat();
  world.welcome();
  world.conversation.say("a");
  world.hear({ ...own("n1", 1), from: "adi" });
  assert.equal(world.outbox.entries.length, 1);
});

test("unavailable means unknown: it goes again later under the same nonce", () => {
  const world = chat();
  world.welcome();
  world.conversation.say("a");
  world.hear({ type: "error", code: "unavailable", nonce: "n1" });
  assert.equal(world.sent.length, 1);
  world.later.pop()();
  assert.deepEqual(world.sent.map(({ nonce }) => nonce), ["n1", "n1"]);
});

test("what was said while away goes out after the welcome, unless the welcome brings it", () => {
  const world = chat();
  world.online = false;
  world.conversation.say("a");
  world.conversation.say("b");
  world.online = true;
  world.welcome([own("n1", 1)]);
  assert.deepEqual(world.texts(), ["b"]);
});

test("a text that the room will not have is kept for the person, and does not stop the next", () => {
  const world = chat();
  world.welcome();
  world.conversation.say("a");
  world.conversation.say("b");
  world.hear({ type: "error", code: "too_long", nonce: "n1" });
  assert.deepEqual(world.texts(), ["a", "b"]);
  assert.equal(world.outbox.entries[0].state, "refused");
});

test("others' coming and going is told, one's own is not", () => {
  const world = chat();
  world.welcome();
  world.hear({ type: "presence", joined: ["sari", "adi"], left: [], count: 2 });
  world.hear({ type: "presence", joined: [], left: ["adi"], count: 1 });
  assert.deepEqual(world.notices(), [["joined", "adi"], ["left", "adi"]]);
});

test("oneself is not told to oneself as typing", () => {
  const world = chat();
  world.hear({ type: "typing", names: ["sari", "adi"], count: 2 });
  assert.deepEqual(world.typing, ["adi"]);
});

test("what others said is told once, also when a welcome brings it; what oneself said is not", () => {
  const world = chat();
  world.welcome([{ ...own("x", 1), from: "adi" }, own("y", 2)]);
  world.hear({ ...own("x", 1), from: "adi" });
  world.hear({ ...own("z", 3), from: "adi" });
  assert.deepEqual(world.arrived, ["7-1", "7-3"]);
});

test("what the operator has set holds until it is set otherwise, and after a welcome anew", () => {
  const world = chat();
  world.welcome();
  assert.deepEqual([world.rules.slow_ms, world.rules.notice], [0, null]);
  world.hear({ type: "rules", slow_ms: 1000, notice: "x" });
  assert.deepEqual([world.rules.slow_ms, world.rules.notice], [1000, "x"]);
  world.welcome();
  assert.deepEqual([world.rules.slow_ms, world.rules.notice], [0, null]);
});

test("a message that was deleted while one was away is a place without text, and nobody's", () => {
  const world = chat();
  world.welcome([{ type: "removed", id: "7-1" }, own("n9", 2)]);
  assert.deepEqual(world.timeline.rows[0].message, { id: "7-1", removed: true, from: "", text: "" });
  assert.deepEqual(world.arrived, []);
});

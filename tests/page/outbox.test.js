import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../static/outbox.js";

function storage() {
  const items = new Map();
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value), removeItem: (key) => items.delete(key) };
}

function outbox(kept = storage(), now = () => 0) {
  let n = 0;
  return new Outbox({ storage: kept, key: "o", nonce: () => `n${(n += 1)}`, now });
}

test("one message is on its way at a time, in the order they were said", () => {
  const box = outbox();
  box.add("a");
  box.add("b");
  assert.equal(box.next().text, "a");
  assert.equal(box.next(), undefined);
  box.acknowledge("n1", "7-1");
  assert.equal(box.next().text, "b");
});

test("what was on its way when the connection broke goes again under the same nonce", () => {
  const box = outbox();
  box.add("a");
  const { nonce } = box.next();
  box.disconnected();
  assert.equal(box.next().nonce, nonce);
});

test("a reload loses nothing, and sends again with the same nonce", () => {
  const kept = storage();
  const before = outbox(kept);
  before.add("a");
  before.next();
  const after = outbox(kept);
  assert.deepEqual(after.next(), { nonce: "n1", text: "a", state: "sent", saidAt: 0 });
});

test("what is kept stays shown until it arrives, and is not stored", () => {
  const kept = storage();
  const box = outbox(kept);
  box.add("a");
  box.next();
  box.acknowledge("n1", "7-1");
  assert.equal(box.entries.length, 1);
  assert.equal(outbox(kept).entries.length, 0);
  box.drop("n1");
  assert.equal(box.entries.length, 0);
});

/** An outbox with a text that was sent at 0 and is kept as 7-1, and a clock. */
function withKept() {
  const clock = { now: 0 };
  const kept = storage();
  const box = outbox(kept, () => clock.now);
  box.add("a");
  box.sent(box.next().nonce);
  box.acknowledge("n1", "7-1");
  return { box, kept, clock };
}

test("what is kept and not in a welcome goes again under the same nonce", () => {
  for (const missed of [0, 600, null]) {
    const { box, kept } = withKept();
    box.welcomed({ messages: [{ id: "7-2" }], missed });
    assert.equal(outbox(kept).entries.length, 1);
    assert.equal(box.next().nonce, "n1");
  }
});

test("what is kept and was deleted before it was shown does not go again", () => {
  const { box } = withKept();
  box.welcomed({ messages: [{ id: "7-1", removed: true }], missed: 0 });
  assert.equal(box.entries.length, 0);
});

test("what was kept long ago goes again, if the person wants it, only where something is known to be lost", () => {
  for (const [missed, left] of [[0, []], [600, []], [null, ["unsure"]]]) {
    const { box, clock } = withKept();
    clock.now = 10 * 60_000;
    box.welcomed({ messages: [], missed });
    assert.equal(box.next(), undefined);
    assert.deepEqual(box.entries.map(({ reason }) => reason), left);
  }
});

test("a refused message waits for the person, and goes again as a new one", () => {
  const box = outbox();
  box.add("a");
  box.next();
  box.refuse("n1", "too_long");
  assert.equal(box.next(), undefined);
  box.retry("n1");
  assert.equal(box.next().nonce, "n2");
});

test("storage that is broken or forbidden is no reason to lose what is said", () => {
  const forbidden = { getItem: () => "{", setItem: () => { throw new Error("full"); }, removeItem() {} };
  const box = outbox(forbidden);
  box.add("a");
  assert.equal(box.next().text, "a");
});

test("what the room may have forgotten is not sent again unasked, and does not stop the next", () => {
  let now = 0;
  const kept = storage();
  const box = outbox(kept, () => now);
  box.add("a");
  box.sent(box.next().nonce);
  box.disconnected();
  now = 8 * 60_000;
  assert.equal(box.next().text, "a");
  box.disconnected();
  now = 9 * 60_000 + 1;
  const again = outbox(kept, () => now);
  again.add("b");
  assert.equal(again.next().text, "b");
  assert.deepEqual([again.entries[0].state, again.entries[0].reason], ["refused", "unsure"]);
});

test("the time of the first send counts, not of the last", () => {
  let now = 0;
  const box = outbox(storage(), () => now);
  box.add("a");
  for (now of [0, 4 * 60_000, 8 * 60_000]) {
    box.sent(box.next().nonce);
    box.disconnected();
  }
  now = 9 * 60_000 + 1;
  assert.equal(box.next(), undefined);
  box.retry("n1");
  assert.deepEqual(box.next(), { nonce: "n2", text: "a", state: "sent", saidAt: now });
});

test("what was written while away may be sent much later, for as long as the page lives", () => {
  let now = 0;
  const box = outbox(storage(), () => now);
  box.add("a");
  now = 3 * 60 * 60_000;
  assert.equal(box.next().text, "a");
});

test("what a page since closed never sent asks first when it is old", () => {
  let now = 0;
  const kept = storage();
  outbox(kept, () => now).add("a");
  now = 2 * 60 * 60_000;
  const box = outbox(kept, () => now);
  assert.equal(box.next(), undefined);
  assert.equal(box.entries[0].reason, "stale");
});

test("what another tab left behind is taken over under the same nonce", () => {
  const box = outbox();
  box.adopt([{ nonce: "x", text: "a", state: "waiting", saidAt: 0, sentAt: 0 }]);
  assert.equal(box.next().nonce, "x");
});

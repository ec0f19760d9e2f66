import assert from "node:assert/strict";
import { test } from "node:test";

import { compare } from "../../static/id.js";
import { ROWS_AT_MOST, Timeline } from "../../static/timeline.js";

const message = (n, epoch = 7) => ({ id: `${epoch}-${n}`, nonce: `n${n}`, from: "adi", text: `${n}`, at: n });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => message(from + at));

/** A view that mirrors the rows from what it is told: in the end both must show the same. */
function shown() {
  const rows = [];
  const told = [];
  const view = {
    insert: (row, next) => rows.splice(next ? rows.indexOf(next) : rows.length, 0, row),
    remove: (row) => rows.splice(rows.indexOf(row), 1),
    replace: () => {},
    clear: () => rows.splice(0),
    more: (more) => told.push(more),
  };
  const timeline = new Timeline(view);
  const text = () => {
    assert.deepEqual(rows, timeline.rows);
    return rows.map((row) => (row.kind === "message" ? row.message.text : row.kind)).join(" ");
  };
  return { timeline, text, told };
}

test("ids are ordered exactly, also where a number would be rounded", () => {
  assert.ok(compare("9007199254740993-1", "9007199254740992-2") > 0);
  assert.ok(compare("7-10", "7-9") > 0);
  assert.equal(compare("7-1", "7-1"), 0);
});

test("a message is shown once, and moves the id to join from forward only", () => {
  const { timeline, text } = shown();
  assert.equal(timeline.add(message(1)), true);
  assert.equal(timeline.add(message(2)), true);
  assert.equal(timeline.add(message(1)), false);
  assert.equal(text(), "1 2");
  assert.equal(timeline.since, "7-2");
});

test("a recovered welcome continues what is shown, without a gap", () => {
  const { timeline, text } = shown();
  timeline.welcome({ recovered: true, missed: 0, messages: range(1, 2), head: "7-2" }, true);
  timeline.welcome({ recovered: true, missed: 0, messages: range(2, 4), head: "7-4" }, true);
  assert.equal(text(), "1 2 3 4");
  assert.equal(timeline.since, "7-4");
});

test("a welcome that has not recovered shows a gap, which loads until it meets what was there", () => {
  const { timeline, text } = shown();
  timeline.welcome({ recovered: true, missed: 0, messages: range(1, 2), head: "7-2" }, true);
  timeline.welcome({ recovered: false, missed: 4, messages: range(7, 8), head: "7-8" }, true);
  assert.equal(text(), "1 2 gap 7 8");
  const gap = timeline.rows[2];
  assert.equal(gap.before, "7-7");
  timeline.fill(range(5, 6), true, gap);
  assert.equal(text(), "1 2 gap 5 6 7 8");
  assert.equal(gap.before, "7-5");
  timeline.fill(range(2, 4), true, gap);
  assert.equal(text(), "1 2 3 4 5 6 7 8");
});

test("a gap with nothing kept in it goes away when asked", () => {
  const { timeline, text } = shown();
  timeline.welcome({ recovered: true, missed: 0, messages: [message(1)], head: "7-1" }, true);
  timeline.welcome({ recovered: false, missed: null, messages: [message(1, 8)], head: "8-1" }, true);
  timeline.fill([], false, timeline.rows[1]);
  assert.equal(text(), "1 1");
  assert.equal(timeline.since, "8-1");
});

test("an unasked welcome replaces what is shown", () => {
  const { timeline, text } = shown();
  timeline.welcome({ recovered: true, missed: 0, messages: range(1, 5), head: "7-5" }, true);
  timeline.welcome({ recovered: false, missed: null, messages: range(2, 3), head: "7-3" }, false);
  assert.equal(text(), "gap 2 3");
  assert.equal(timeline.since, "7-3");
});

test("earlier messages come before everything, once", () => {
  const { timeline, text } = shown();
  timeline.welcome({ recovered: true, missed: 0, messages: range(3, 4), head: "7-4" }, true);
  timeline.fill(range(1, 3), false);
  assert.equal(text(), "1 2 3 4");
});

test("what the server put into the page is known and named, and not shown again", () => {
  const { timeline } = shown();
  timeline.adopt(range(3, 4).map((each) => ({ kind: "message", message: each })), "7-4");
  assert.equal(timeline.oldest(), "7-3");
  assert.equal(timeline.since, "7-4");
  assert.equal(timeline.add(message(4)), false);
});

test("a deleted message keeps its place without its text", () => {
  const { timeline } = shown();
  timeline.add(message(1));
  timeline.removed("7-1");
  timeline.removed("7-9");
  assert.deepEqual([timeline.rows[0].message.removed, timeline.rows[0].message.text], [true, ""]);
});

test("a page that stays open for days does not grow for ever", () => {
  const { timeline } = shown();
  for (let n = 1; n <= ROWS_AT_MOST + 10; n += 1) timeline.add(message(n));
  assert.equal(timeline.rows.length, ROWS_AT_MOST);
  assert.equal(timeline.oldest(), "7-11");
});

test("an empty page whose room has filled meanwhile offers what is earlier", () => {
  const { timeline, told } = shown();
  timeline.adopt([], null, false);
  timeline.welcome({ recovered: true, missed: 0, messages: range(51, 100), head: "7-100" }, true);
  assert.deepEqual(told, [true]);
  timeline.fill(range(1, 50), false);
  assert.deepEqual(told, [true, false]);
});

test("a room that was and stays empty offers nothing", () => {
  const { timeline, told } = shown();
  timeline.welcome({ recovered: true, missed: 0, messages: [], head: null }, true);
  timeline.add(message(1));
  assert.deepEqual(told, []);
});

test("comings and goings with nothing said between them are one row", () => {
  const { timeline, text } = shown();
  timeline.notice("joined", "adi");
  timeline.notice("left", "adi");
  timeline.add(message(1));
  for (let n = 0; n < 60; n += 1) timeline.notice("joined", `p${n}`);
  assert.equal(text(), "notice 1 notice");
  const { joined, left, events } = timeline.rows[2];
  assert.deepEqual([joined, left, events.length, events.at(-1).username], [60, 0, 50, "p59"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { SHOWN_AT_MOST, Shown } from "../../static/shown.js";
import { Timeline } from "../../static/timeline.js";

const message = (n) => ({ id: `7-${n}`, nonce: `n${n}`, from: "adi", text: `${n}`, at: n });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => message(from + at));

/** A page that mirrors what it is told; in it must always be one stretch of the timeline, and not too long. */
function page() {
  const rows = [];
  const view = {
    insert: (row, next) => rows.splice(next ? rows.indexOf(next) : rows.length, 0, row),
    remove: (row) => rows.splice(rows.indexOf(row), 1),
    replace() {},
    clear: () => rows.splice(0),
    more() {},
  };
  const made = { reading: false };
  made.shown = new Shown({ rows: () => made.timeline.rows, view, reading: () => made.reading });
  made.timeline = new Timeline(made.shown);
  made.stretch = () => {
    const from = made.timeline.rows.indexOf(rows[0]);
    assert.deepEqual(rows, made.timeline.rows.slice(from, from + rows.length));
    assert.ok(rows.length <= SHOWN_AT_MOST);
    return [rows[0].message.text, rows.at(-1).message.text].map(Number);
  };
  return made;
}

test("at the end the stretch follows the newest", () => {
  const { timeline, shown, stretch } = page();
  for (const each of range(1, 1000)) timeline.add(each);
  assert.deepEqual(stretch(), [1001 - SHOWN_AT_MOST, 1000]);
  assert.ok(shown.above && shown.atEnd);
});

test("while somebody reads above, what is new waits below", () => {
  const made = page();
  for (const each of range(1, 250)) made.timeline.add(each);
  made.reading = true;
  for (const each of range(251, 400)) made.timeline.add(each);
  assert.deepEqual(made.stretch(), [1, SHOWN_AT_MOST]);
  assert.equal(made.shown.atEnd, false);
  made.shown.down();
  assert.deepEqual(made.stretch(), [101, 400]);
  assert.equal(made.shown.atEnd, true);
});

test("the stretch goes up with the reader, and all the way back at once", () => {
  const made = page();
  for (const each of range(1, 1000)) made.timeline.add(each);
  made.reading = true;
  while (made.shown.up()) made.stretch();
  assert.deepEqual(made.stretch(), [1, SHOWN_AT_MOST]);
  made.reading = false;
  made.shown.end();
  assert.deepEqual(made.stretch(), [901, 1000]);
  made.timeline.add(message(1001));
  assert.deepEqual(made.stretch(), [901, 1001]);
});

test("pages of history come above while the reader is there", () => {
  const made = page();
  for (const each of range(501, 700)) made.timeline.add(each);
  made.reading = true;
  made.timeline.fill(range(401, 500), true);
  assert.deepEqual(made.stretch(), [401, 700]);
  made.timeline.fill(range(301, 400), true);
  assert.deepEqual(made.stretch(), [301, 600]);
  assert.equal(made.shown.above, false);
  made.shown.down();
  assert.deepEqual(made.stretch(), [401, 700]);
});

test("changes to what is not in the page do not reach it", () => {
  const made = page();
  for (const each of range(1, 400)) made.timeline.add(each);
  made.timeline.removed("7-1");
  made.timeline.welcome({ recovered: false, missed: null, messages: range(900, 901), head: "7-901" }, false);
  assert.equal(made.timeline.rows.length, 3);
});

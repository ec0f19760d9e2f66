import assert from "node:assert/strict";
import { test } from "node:test";

import { MAX_ROWS_READING, Timeline } from "../../static/timeline.js";
import { MAX_SHOWN, TimelineWindow } from "../../static/timeline_window.js";

const message = (n) => ({ id: `7-${n}`, nonce: `n${n}`, from: "adi", text: `${n}`, at: n });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => message(from + index));

/** A view that mirrors its calls: it must always hold one stretch of the timeline, and never too many rows. */
function page() {
  const rows = [];
  const view = {
    insert: (row, next) => rows.splice(next ? rows.indexOf(next) : rows.length, 0, row),
    remove: (row) => rows.splice(rows.indexOf(row), 1),
    replace() {},
    clear: () => rows.splice(0),
    showOlder() {},
  };
  const world = { isReading: false };
  world.window = new TimelineWindow({ getRows: () => world.timeline.rows, view, isReading: () => world.isReading });
  world.timeline = new Timeline(world.window);
  world.loadEarlier = (messages) =>
    world.timeline.insertHistory(world.timeline.historyRequest(), { messages, more: true });
  world.bounds = () => {
    const from = world.timeline.rows.indexOf(rows[0]);
    assert.deepEqual(rows, world.timeline.rows.slice(from, from + rows.length));
    assert.ok(rows.length <= MAX_SHOWN);
    return [rows[0].message.text, rows.at(-1).message.text].map(Number);
  };
  return world;
}

test("window_at_the_end_follows_the_newest_message", () => {
  const { timeline, window, bounds } = page();
  for (const each of range(1, 1000)) timeline.add(each);
  assert.deepEqual(bounds(), [1001 - MAX_SHOWN, 1000]);
  assert.ok(window.hasAbove && window.atEnd);
});

test("window_of_a_reader_above_does_not_move", () => {
  const world = page();
  for (const each of range(1, 250)) world.timeline.add(each);
  world.isReading = true;
  for (const each of range(251, 400)) world.timeline.add(each);
  assert.deepEqual(world.bounds(), [1, MAX_SHOWN]);
  assert.equal(world.window.atEnd, false);
  world.window.moveDown();
  assert.deepEqual(world.bounds(), [101, 400]);
  assert.equal(world.window.atEnd, true);
});

test("window_moves_up_with_the_reader_and_back_at_once", () => {
  const world = page();
  for (const each of range(1, 1000)) world.timeline.add(each);
  world.isReading = true;
  while (world.window.moveUp()) world.bounds();
  assert.deepEqual(world.bounds(), [1, MAX_SHOWN]);
  world.isReading = false;
  world.window.moveToEnd();
  assert.deepEqual(world.bounds(), [901, 1000]);
  world.timeline.add(message(1001));
  assert.deepEqual(world.bounds(), [901, 1001]);
});

test("history_extends_the_window_upward", () => {
  const world = page();
  for (const each of range(501, 700)) world.timeline.add(each);
  world.isReading = true;
  world.loadEarlier(range(401, 500));
  assert.deepEqual(world.bounds(), [401, 700]);
  world.loadEarlier(range(301, 400));
  assert.deepEqual(world.bounds(), [301, 600]);
  assert.equal(world.window.hasAbove, false);
  world.window.moveDown();
  assert.deepEqual(world.bounds(), [401, 700]);
});

test("change_outside_the_window_does_not_reach_the_view", () => {
  const world = page();
  for (const each of range(1, 400)) world.timeline.add(each);
  world.timeline.markRemoved("7-1");
  world.timeline.applyWelcome({ recovered: false, missed: null, messages: range(900, 901), head: "7-901" }, null);
  assert.equal(world.timeline.rows.length, 3);
});

test("reader_at_the_top_of_loaded_rows_loses_none", () => {
  const world = page();
  for (const each of range(1001, 3000)) world.timeline.add(each);
  world.isReading = true;
  while (world.window.moveUp()) world.bounds();
  world.loadEarlier(range(851, 1000));
  while (world.window.moveUp()) world.bounds();
  const bounds = world.bounds();
  assert.equal(bounds[0], 851);
  for (const each of range(3001, 3100)) world.timeline.add(each);
  assert.deepEqual(world.bounds(), bounds);
  assert.equal(world.timeline.rows.length, 2250);
  world.isReading = false;
  world.window.moveToEnd();
  world.timeline.add(message(3101));
  assert.equal(world.timeline.rows.length, 2000);
});

test("rows_below_a_reader_at_the_top_give_way_to_a_gap", () => {
  const world = page();
  for (const each of range(1, 400)) world.timeline.add(each);
  world.isReading = true;
  while (world.window.moveUp());
  const bounds = world.bounds();
  for (const each of range(401, MAX_ROWS_READING + 50)) world.timeline.add(each);
  assert.equal(world.timeline.rows.length, MAX_ROWS_READING);
  assert.deepEqual(world.bounds(), bounds);
  const gaps = world.timeline.rows.filter(({ kind }) => kind === "gap");
  assert.deepEqual(gaps, [{ kind: "gap", after: `7-${bounds[1]}`, before: `7-${bounds[1] + 52}`, missed: null }]);
  const [gap] = gaps;
  const missing = range(bounds[1] + 1, bounds[1] + 51);
  world.timeline.insertHistory(world.timeline.historyRequest(gap), { messages: missing, more: false });
  const texts = world.timeline.rows.map(({ message }) => Number(message.text));
  assert.deepEqual(texts, range(1, MAX_ROWS_READING + 50).map(({ text }) => Number(text)));
});

test("window_moves_to_a_row_far_above", () => {
  const world = page();
  for (const each of range(1, 1000)) world.timeline.add(each);
  world.isReading = true;
  world.window.moveTo(world.timeline.rowOf("7-400"));
  assert.deepEqual(world.bounds(), [300, 499]);
  assert.equal(world.window.atEnd, false);
});

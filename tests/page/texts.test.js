import assert from "node:assert/strict";
import { test } from "node:test";

import { sameDay, day } from "../../static/clock.js";
import { measure, sends } from "../../static/composer.js";
import { counted, fill } from "../../static/texts.js";

test("one thing and many things are told as each language does", () => {
  const forms = { one: "{count} message", other: "{count} messages" };
  assert.equal(counted({ lang: "en" }, forms, 1), "1 message");
  assert.equal(counted({ lang: "en" }, forms, 1200), "1,200 messages");
  assert.equal(counted({ lang: "id" }, { one: "{count} pesan", other: "{count} pesan" }, 1200), "1.200 pesan");
});

test("what has no value stays as it is", () => {
  assert.equal(fill("{a} {b}", { a: 0 }), "0 {b}");
});

test("days are named from where the reader is", () => {
  const noon = new Date(2026, 10, 23, 12).getTime();
  const ago = (days) => noon - days * 86_400_000;
  assert.deepEqual([0, 1].map((days) => day(ago(days), "id", noon)), ["Hari ini", "Kemarin"]);
  assert.deepEqual([0, 1].map((days) => day(ago(days), "en", noon)), ["Today", "Yesterday"]);
  assert.equal(day(ago(2), "en", noon), "Saturday, November 21");
  assert.match(day(ago(400), "id", noon), /2025$/);
  assert.ok(sameDay(noon, noon + 3_600_000) && !sameDay(noon, ago(1)));
});

test("a text is measured as the server measures it", () => {
  assert.equal(measure("  e\u0301👋\n"), 2);
  assert.equal(measure(" \n "), 0);
});

test("Enter sends, unless it makes a line, chooses a candidate, or is touched", () => {
  const key = (more) => ({ key: "Enter", shiftKey: false, isComposing: false, keyCode: 13, ...more });
  assert.ok(sends(key({}), false));
  assert.ok(!sends(key({}), true));
  for (const more of [{ shiftKey: true }, { isComposing: true }, { keyCode: 229 }, { key: "a" }]) assert.ok(!sends(key(more), false));
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { formatDay, isSameDay, readCalendar, serverNow, showTime, syncServerClock, withRegion } from "../../static/clock.js";
import { isSendKey, measure } from "../../static/composer.js";
import { formatCount, formatText } from "../../static/texts.js";

test("count_is_formatted_as_each_language_does", () => {
  const forms = { one: "{count} message", other: "{count} messages" };
  assert.equal(formatCount({ lang: "en" }, forms, 1), "1 message");
  assert.equal(formatCount({ lang: "en" }, forms, 1200), "1,200 messages");
  assert.equal(formatCount({ lang: "id" }, { one: "{count} pesan", other: "{count} pesan" }, 1200), "1.200 pesan");
});

test("placeholder_without_a_value_stays", () => {
  assert.equal(formatText("{a} {b}", { a: 0 }), "0 {b}");
});

test("days_are_named_relative_to_the_reader", () => {
  const noon = new Date(2026, 10, 23, 12).getTime();
  const ago = (days) => noon - days * 86_400_000;
  assert.deepEqual([0, 1].map((days) => formatDay(ago(days), "id", noon)), ["Hari ini", "Kemarin"]);
  assert.deepEqual([0, 1].map((days) => formatDay(ago(days), "en", noon)), ["Today", "Yesterday"]);
  assert.equal(formatDay(ago(2), "en", noon), "Saturday, November 21");
  assert.match(formatDay(ago(400), "id", noon), /2025$/);
  assert.ok(isSameDay(noon, noon + 3_600_000) && !isSameDay(noon, ago(1)));
});

test("server_time_is_right_where_the_device_is_wrong", () => {
  assert.equal(serverNow(1_000), 1_000);
  syncServerClock(3_600_000, 1_000);
  assert.equal(serverNow(2_000), 3_601_000);
  syncServerClock(Number(undefined), 5_000);
  assert.equal(serverNow(2_000), 3_601_000);
});

test("text_is_measured_as_on_the_server", () => {
  assert.equal(measure("  e\u0301👋\n"), 2);
  assert.equal(measure(" \n "), 0);
});

test("enter_sends_unless_shifted_composing_or_on_touch", () => {
  const key = (more) => ({ key: "Enter", shiftKey: false, isComposing: false, keyCode: 13, ...more });
  assert.ok(isSendKey(key({}), false));
  assert.ok(!isSendKey(key({}), true));
  for (const more of [{ shiftKey: true }, { isComposing: true }, { keyCode: 229 }, { key: "a" }]) {
    assert.ok(!isSendKey(key(more), false));
  }
});

test("times_follow_the_region_of_the_browser", () => {
  for (const [lang, languages, expected] of [
    ["en", ["en-GB", "en"], "en-GB"],
    ["en", ["de-DE", "en-US"], "en-US"],
    ["en", ["de-DE"], "en-DE"],
    ["id", ["en-GB"], "id-GB"],
    ["id", ["id"], "id"],
    ["id", ["nonsense tag", ""], "id"],
    ["en", [], "en"],
  ]) {
    assert.equal(withRegion(lang, languages), expected, languages.join());
  }
  const element = { dataset: {} };
  showTime(element, new Date(2026, 10, 23, 22, 20), "en-GB");
  assert.equal(element.textContent, "22:20");
});

test("another_time_zone_changes_the_times", () => {
  const element = { dataset: {} };
  const zone = process.env.TZ;
  try {
    const times = ["Asia/Jakarta", "Asia/Tokyo"].map((name) => {
      process.env.TZ = name;
      readCalendar();
      showTime(element, Date.UTC(2026, 10, 23, 12), "en-GB");
      return element.textContent;
    });
    assert.deepEqual(times, ["19:00", "21:00"]);
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});

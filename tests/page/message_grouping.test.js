import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { continuesGroup, sharesTime } from "../../static/message_grouping.js";

// The server's rule is tested with the same cases: src/web/chat.rs.
test("group_continues_exactly_in_the_shared_cases", () => {
  const cases = JSON.parse(readFileSync(new URL("message_grouping.json", import.meta.url)));
  assert.ok(cases.length > 0);
  for (const { name, before, after, continues, shares_time: shares = false } of cases) {
    assert.equal(continuesGroup(before, after), continues, name);
    assert.equal(continues && sharesTime(before, after), shares, name);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { ReadMarker } from "../../static/unread.js";
import { BROKEN_STORAGES, fakeArea, fakeStorage } from "./fake_storage.js";

const marker = (storage) => new ReadMarker({ storage, key: "r" });

test("marker_never_moves_behind_that_of_another_tab", () => {
  const area = fakeArea();
  const [here, there] = [marker(fakeStorage(area)), marker(fakeStorage(area))];
  here.advance("7-3");
  there.advance("7-9");
  here.advance("7-4");
  here.advance(null);
  assert.deepEqual([here.id, there.id], ["7-9", "7-9"]);
});

test("marker_follows_to_another_epoch", () => {
  const read = marker(fakeStorage(fakeArea({ r: "7-9" })));
  read.advance("6-1");
  assert.equal(read.id, "6-1");
});

test("marker_without_storage_lasts_as_long_as_the_page", () => {
  for (const [name, open] of Object.entries(BROKEN_STORAGES)) {
    const read = marker(open());
    read.advance("7-3");
    assert.equal(read.id, "7-3", name);
  }
  assert.equal(marker(fakeStorage(fakeArea({ r: "x" }))).id, null);
});

import assert from "node:assert/strict";
import { test } from "node:test";

import { SafeStorage, watchKey } from "../../static/storage.js";
import { BROKEN_STORAGES, fakeArea, fakeStorage } from "./fake_storage.js";

for (const [name, open] of Object.entries(BROKEN_STORAGES)) {
  test(`storage_when_${name}_keeps_values_in_the_page`, () => {
    const storage = open();
    assert.equal(storage.read("a"), null);
    assert.deepEqual(storage.keys(""), []);
    assert.equal(storage.write("a/1", "x"), false);
    assert.equal(storage.read("a/1"), "x");
    assert.deepEqual(storage.keys("a/"), ["a/1"]);
    assert.equal(storage.isDurable, false);
    storage.remove("a/1");
    assert.equal(storage.read("a/1"), null);
    assert.equal(storage.isDurable, true);
  });
}

test("storage_with_room_again_stores_the_newest_value", () => {
  let isFull = true;
  const area = fakeArea({ a: "old" }, () => isFull);
  const storage = fakeStorage(area);
  storage.write("a", "new");
  assert.deepEqual([storage.read("a"), area.a, storage.isDurable], ["new", "old", false]);
  isFull = false;
  assert.equal(storage.write("a", "newer"), true);
  assert.deepEqual([storage.read("a"), area.a, storage.isDurable], ["newer", "newer", true]);
});

test("storage_with_broken_json_reads_the_fallback", () => {
  for (const value of ["{", "", "null"]) {
    assert.deepEqual(fakeStorage(fakeArea({ a: value })).readJson("a", []), [], value);
  }
});

test("update_after_write_of_another_tab_keeps_both_changes", () => {
  const area = fakeArea({ a: "[1]" });
  const [mine, theirs] = [new SafeStorage(() => area), new SafeStorage(() => area)];
  theirs.writeJson("a", [1, 2]);
  assert.deepEqual(mine.updateJson("a", [], (list) => [...list, 3]), [1, 2, 3]);
  assert.equal(area.a, "[1,2,3]");
});

test("watch_calls_back_for_its_key_and_for_clear_only", () => {
  const target = new EventTarget();
  const changed = (key) => target.dispatchEvent(Object.assign(new Event("storage"), { key }));
  let calls = 0;
  watchKey("a", () => (calls += 1), target);
  for (const key of ["a", "b", null]) changed(key);
  assert.equal(calls, 2);
});

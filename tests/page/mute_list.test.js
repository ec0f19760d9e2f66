import assert from "node:assert/strict";
import { test } from "node:test";

import { MuteList } from "../../static/mute_list.js";
import { BROKEN_STORAGES, fakeArea, fakeStorage } from "./fake_storage.js";

const muteList = (storage = fakeStorage()) => new MuteList({ storage, key: "m" });

test("muted_name_stays_muted_after_a_reload_until_unmuted", () => {
  const storage = fakeStorage();
  const mutes = muteList(storage);
  let changes = 0;
  mutes.onChange = () => (changes += 1);
  mutes.toggle("budi");
  assert.deepEqual([mutes.has("budi"), mutes.has("sari"), changes], [true, false, 1]);
  const reloaded = muteList(storage);
  assert.deepEqual(reloaded.names, ["budi"]);
  reloaded.toggle("budi");
  assert.deepEqual(muteList(storage).names, []);
});

test("mute_after_mute_in_another_tab_keeps_both", () => {
  const area = fakeArea();
  const [here, there] = [muteList(fakeStorage(area)), muteList(fakeStorage(area))];
  there.toggle("budi");
  here.toggle("citra");
  assert.deepEqual(here.names, ["budi", "citra"]);
  there.reload();
  assert.deepEqual(there.names, ["budi", "citra"]);
});

test("unmute_in_another_tab_is_not_undone_by_a_mute_here", () => {
  const area = fakeArea({ m: '["budi"]' });
  const [here, there] = [muteList(fakeStorage(area)), muteList(fakeStorage(area))];
  there.toggle("budi");
  here.toggle("citra");
  assert.deepEqual(muteList(fakeStorage(area)).names, ["citra"]);
});

test("unreadable_list_mutes_nobody", () => {
  for (const broken of ["{", "7", "{}", "null", "[7, null]"]) {
    assert.deepEqual(muteList(fakeStorage(fakeArea({ m: broken }))).names, []);
  }
});

test("mute_without_storage_lasts_as_long_as_the_page", () => {
  for (const [name, open] of Object.entries(BROKEN_STORAGES)) {
    const mutes = muteList(open());
    mutes.toggle("budi");
    mutes.toggle("citra");
    assert.deepEqual(mutes.names, ["budi", "citra"], name);
  }
});

test("list_at_its_limit_drops_the_oldest_names", () => {
  const mutes = muteList();
  for (let n = 0; n < 250; n += 1) mutes.toggle(`tamu ${n}`);
  assert.deepEqual([mutes.names.length, mutes.has("tamu 49"), mutes.has("tamu 50")], [200, false, true]);
});

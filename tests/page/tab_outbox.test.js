import assert from "node:assert/strict";
import { test } from "node:test";

import { ChannelLocks } from "../../static/channel_locks.js";
import { Outbox } from "../../static/outbox.js";
import { TabOutbox } from "../../static/tab_outbox.js";
import { BROKEN_STORAGES, fakeArea, fakeStorage } from "./fake_storage.js";

/** Web Locks as far as they are needed: one holder per name. */
class FakeLocks {
  held = new Set();

  async request(name, { ifAvailable, signal }, callback) {
    if (this.held.has(name)) {
      if (ifAvailable) return callback(null);
      if (signal) throw new DOMException("", "TimeoutError");
    }
    this.held.add(name);
    try {
      return await callback({ name });
    } finally {
      this.held.delete(name);
    }
  }
}

const tabOutbox = (use) =>
  new TabOutbox({ locks: new FakeLocks(), storage: fakeStorage(), session: fakeStorage(), prefix: "o/sari/", createId: () => "new", ...use });

const entry = (nonce) => ({ nonce, text: nonce, state: "waiting", saidAt: 0 });

test("reload_acquires_the_same_outbox", async () => {
  const session = fakeStorage();
  const first = await tabOutbox({ session, createId: () => "a" }).acquire();
  assert.equal(await tabOutbox({ session, createId: () => "b" }).acquire(), first);
});

test("copied_tab_acquires_an_outbox_of_its_own", async () => {
  const [locks, area] = [new FakeLocks(), fakeArea()];
  const first = await tabOutbox({ locks, session: fakeStorage(area), createId: () => "a" }).acquire();
  const copy = await tabOutbox({ locks, session: fakeStorage(fakeArea(area)), createId: () => "b" }).acquire();
  assert.notEqual(copy, first);
});

test("abandoned_outbox_is_adopted_once_and_a_held_one_never", async () => {
  const area = fakeArea({ "o/sari/gone": '["1"]', "o/sari/alive": '["2"]', "o/budi/gone": '["3"]' });
  const [locks, storage] = [new FakeLocks(), fakeStorage(area)];
  await tabOutbox({ locks, storage, session: fakeStorage(fakeArea({ "o/sari/tab": "alive" })) }).acquire();
  const adopted = [];
  const mine = tabOutbox({ locks, storage });
  for (let n = 0; n < 2; n += 1) await mine.adoptAbandoned((entries) => adopted.push(...entries));
  assert.deepEqual(adopted, ["1"]);
});

test("adoption_into_a_full_storage_loses_no_message", async () => {
  const limit = 2 * JSON.stringify([entry("aaaaaaaaaaaaaaaa")]).length;
  const used = (area) => Object.values(area).join("").length;
  const isFull = (key, value, area) => used(area) - (area[key]?.length ?? 0) + value.length > limit;
  const area = fakeArea({ "o/sari/gone": JSON.stringify([entry("aaaaaaaaaaaaaaaa")]) }, isFull);
  const storage = fakeStorage(area);
  const mine = tabOutbox({ storage, createId: () => "mine" });
  const outbox = new Outbox({ storage, key: await mine.acquire(), createNonce: () => "b", now: () => 0 });
  outbox.add("b");
  await mine.adoptAbandoned((entries) => outbox.adopt(entries));
  assert.deepEqual(outbox.entries.map(({ nonce }) => nonce), ["b", "aaaaaaaaaaaaaaaa"]);
  assert.deepEqual(Object.keys(area), ["o/sari/mine"]);
  assert.deepEqual(JSON.parse(area["o/sari/mine"]).map(({ nonce }) => nonce), ["b", "aaaaaaaaaaaaaaaa"]);
});

test("sign_out_removes_the_outboxes_of_this_person_only", () => {
  const area = fakeArea({ "o/sari/a": "1", "o/sari/b": "2", "o/budi/a": "3" });
  tabOutbox({ storage: fakeStorage(area) }).clear();
  assert.deepEqual(Object.keys(area), ["o/budi/a"]);
});

/** Tabs of a browser without Web Locks. A frozen one hears nothing until it is thawed. */
function httpTabs() {
  const channels = new Set();
  return (use) => {
    const channel = { isFrozen: false };
    channel.postMessage = (data) => {
      for (const other of channels) if (other !== channel && !other.isFrozen) queueMicrotask(() => other.onmessage({ data }));
    };
    channels.add(channel);
    const locks = new ChannelLocks({ channel, delay: (action) => setTimeout(action) });
    return { channel, close: () => channels.delete(channel), outboxes: tabOutbox({ locks, ...use }) };
  };
}

test("http_tab_keeps_its_outbox_and_a_copy_gets_another", async () => {
  const open = httpTabs();
  const session = fakeStorage();
  const first = open({ session, createId: () => "a" });
  const key = await first.outboxes.acquire();
  const copy = await open({ session, createId: () => "b" }).outboxes.acquire();
  assert.notEqual(copy, key);
  first.close();
  session.write("o/sari/tab", "a");
  assert.equal(await open({ session, createId: () => "c" }).outboxes.acquire(), key, "a reload");
});

test("http_outbox_of_a_closed_tab_is_adopted_and_a_live_one_never", async () => {
  const open = httpTabs();
  const area = fakeArea({ "o/sari/gone": '["1"]', "o/sari/alive": '["2"]' });
  await open({ storage: fakeStorage(area), createId: () => "alive" }).outboxes.acquire();
  const adopted = [];
  const mine = open({ storage: fakeStorage(area) });
  for (let n = 0; n < 2; n += 1) await mine.outboxes.adoptAbandoned((entries) => adopted.push(...entries));
  assert.deepEqual(adopted, ["1"]);
});

test("frozen_http_tab_does_not_send_what_another_adopted", async () => {
  const open = httpTabs();
  const storage = fakeStorage();
  const frozen = open({ storage, createId: () => "frozen" });
  const outbox = new Outbox({ storage, key: await frozen.outboxes.acquire(), createNonce: () => "a" });
  outbox.add("typed before");
  frozen.channel.isFrozen = true;
  const adopted = [];
  await open({ storage }).outboxes.adoptAbandoned((entries) => adopted.push(...entries));
  assert.deepEqual(adopted.map(({ nonce }) => nonce), ["a"]);
  assert.equal(outbox.next(), undefined);
  outbox.add("typed after");
  assert.equal(outbox.next().text, "typed after");
});

test("mark_of_an_adopted_outbox_is_removed_after_a_week", async () => {
  const area = fakeArea({ "o/sari/gone": JSON.stringify([entry("a")]) });
  let now = 0;
  const mine = httpTabs()({ storage: fakeStorage(area), now: () => now });
  for (const [at, marks] of [[0, 1], [6 * 86_400_000, 1], [8 * 86_400_000, 0]]) {
    now = at;
    await mine.outboxes.adoptAbandoned(() => true);
    assert.equal(Object.keys(area).length, marks);
  }
});

test("tab_without_storage_still_acquires_an_outbox", async () => {
  for (const open of Object.values(BROKEN_STORAGES)) {
    const mine = tabOutbox({ storage: open(), session: open() });
    assert.equal(await mine.acquire(), "o/sari/new");
    await mine.adoptAbandoned(assert.fail);
  }
});

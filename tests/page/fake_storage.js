// Storage areas for tests, shaped like localStorage: the stored keys are the enumerable properties.

import { SafeStorage } from "../../static/storage.js";

/** An area that throws on `setItem` where `isFull(key, value)` returns true. */
export function fakeArea(items = {}, isFull = () => false) {
  const hidden = { enumerable: false };
  return Object.defineProperties({ ...items }, {
    getItem: { value(key) { return Object.hasOwn(this, key) ? this[key] : null; }, ...hidden },
    setItem: {
      value(key, value) {
        if (isFull(key, value, this)) throw new DOMException("", "QuotaExceededError");
        this[key] = String(value);
      },
      ...hidden,
    },
    removeItem: { value(key) { delete this[key]; }, ...hidden },
  });
}

/** A storage that works, over an area that tests can inspect. */
export function fakeStorage(area = fakeArea()) {
  return new SafeStorage(() => area);
}

/** Storages that fail in each way that browsers know. */
export const BROKEN_STORAGES = {
  missing: () => new SafeStorage(() => undefined),
  forbidden: () => new SafeStorage(() => { throw new DOMException("", "SecurityError"); }),
  throwing: () => {
    const fail = () => { throw new Error("broken"); };
    return new SafeStorage(() => new Proxy({}, { get: fail, ownKeys: fail }));
  },
  full: () => fakeStorage(fakeArea({}, () => true)),
};

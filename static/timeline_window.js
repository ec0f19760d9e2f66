// The rows of a timeline that are in the page: a window of some hundreds, which follows the reader. No DOM.

export const MAX_SHOWN = 300;
const STEP = 100;

/**
 * Stands between a Timeline and its view, and passes on the changes inside the window. `getRows` returns all rows;
 * `isReading` returns whether the user reads above the newest message.
 */
export class TimelineWindow {
  #getRows;
  #view;
  #isReading;
  #shown = [];
  #set = new Set();
  /** Whether the newest row is in the window. */
  atEnd = true;

  constructor({ getRows, view, isReading }) {
    this.#getRows = getRows;
    this.#view = view;
    this.#isReading = isReading;
  }

  /** Takes over rows that are in the page already. */
  adopt(rows) {
    for (const row of rows) this.#put(row, this.#shown.length);
  }

  /** Whether a reader above the newest message may be looking at a row. */
  isRead(row) {
    return this.#set.has(row) && this.#isReading();
  }

  /** Whether there are rows above the window. */
  get hasAbove() {
    return this.#shown.length > 0 && this.#getRows()[0] !== this.#shown[0];
  }

  insert(row, next) {
    if (next === undefined && this.atEnd && this.#isReading() && this.#shown.length >= MAX_SHOWN) this.atEnd = false;
    if (next === undefined ? !this.atEnd : !this.#set.has(next)) return;
    this.#put(row, next === undefined ? this.#shown.length : this.#shown.indexOf(next));
    this.#view.insert(row, next);
    if (this.#isReading()) this.#trimEnd();
    else this.#trimStart();
  }

  remove(row) {
    if (!this.#set.delete(row)) return;
    this.#shown.splice(this.#shown.indexOf(row), 1);
    this.#view.remove(row);
  }

  replace(row) {
    if (this.#set.has(row)) this.#view.replace(row);
  }

  clear() {
    this.#shown = [];
    this.#set.clear();
    this.atEnd = true;
    this.#view.clear();
  }

  showOlder(hasOlder) {
    this.#view.showOlder(hasOlder);
  }

  /** Extends the window upward as the reader nears its top; returns whether there were rows. */
  moveUp() {
    const [rows, first] = [this.#getRows(), this.#shown[0]];
    const index = rows.indexOf(first);
    for (const row of rows.slice(Math.max(0, index - STEP), Math.max(0, index))) {
      this.#put(row, this.#shown.indexOf(first));
      this.#view.insert(row, first);
    }
    this.#trimEnd();
    return index > 0;
  }

  /** Extends the window downward as the reader nears its bottom. */
  moveDown() {
    if (this.atEnd) return;
    const rows = this.#getRows();
    const from = rows.indexOf(this.#shown.at(-1)) + 1;
    this.#append(rows.slice(from, from + STEP));
    this.atEnd = from + STEP >= rows.length;
    this.#trimStart();
  }

  /** Moves the window to the newest rows. */
  moveToEnd() {
    if (this.atEnd) return;
    this.clear();
    this.#append(this.#getRows().slice(-STEP));
  }

  /** Moves the window to a row. */
  moveTo(row) {
    if (this.#set.has(row)) return;
    const rows = this.#getRows();
    const from = Math.max(0, rows.indexOf(row) - STEP);
    this.clear();
    this.#append(rows.slice(from, from + 2 * STEP));
    this.atEnd = from + 2 * STEP >= rows.length;
  }

  #append(rows) {
    for (const row of rows) {
      this.#put(row, this.#shown.length);
      this.#view.insert(row, undefined);
    }
  }

  #put(row, index) {
    this.#shown.splice(index, 0, row);
    this.#set.add(row);
  }

  #trimStart() {
    while (this.#shown.length > MAX_SHOWN) this.remove(this.#shown[0]);
  }

  #trimEnd() {
    while (this.#shown.length > MAX_SHOWN) {
      this.remove(this.#shown.at(-1));
      this.atEnd = false;
    }
  }
}

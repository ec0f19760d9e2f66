// The rows of a timeline that are in the page: a stretch of some hundreds, which follows the reader. Knows no DOM.

export const SHOWN_AT_MOST = 300;
const STEP = 100;

/**
 * Stands between a Timeline and its view, and passes on what lies in the stretch. `rows` answers all rows; `reading`
 * whether the person reads somewhere above the newest.
 */
export class Shown {
  #rows;
  #view;
  #reading;
  #stretch = [];
  #set = new Set();
  /** Whether the newest row is in the stretch. */
  atEnd = true;

  constructor({ rows, view, reading }) {
    this.#rows = rows;
    this.#view = view;
    this.#reading = reading;
  }

  /** Rows that the page shows already. */
  adopt(rows) {
    for (const row of rows) this.#put(row, this.#stretch.length);
  }

  /** Whether there are rows above the stretch. */
  get above() {
    return this.#stretch.length > 0 && this.#rows()[0] !== this.#stretch[0];
  }

  insert(row, next) {
    if (next === undefined && this.atEnd && this.#reading() && this.#stretch.length >= SHOWN_AT_MOST) this.atEnd = false;
    if (next === undefined ? !this.atEnd : !this.#set.has(next)) return;
    this.#put(row, next === undefined ? this.#stretch.length : this.#stretch.indexOf(next));
    this.#view.insert(row, next);
    if (this.#reading()) this.#trimEnd();
    else this.#trimStart();
  }

  remove(row) {
    if (!this.#set.delete(row)) return;
    this.#stretch.splice(this.#stretch.indexOf(row), 1);
    this.#view.remove(row);
  }

  replace(row) {
    if (this.#set.has(row)) this.#view.replace(row);
  }

  clear() {
    this.#stretch = [];
    this.#set.clear();
    this.atEnd = true;
    this.#view.clear();
  }

  more(more) {
    this.#view.more(more);
  }

  /** The reader comes near the upper end. Answers whether there was more. */
  up() {
    const [rows, first] = [this.#rows(), this.#stretch[0]];
    const at = rows.indexOf(first);
    for (const row of rows.slice(Math.max(0, at - STEP), Math.max(0, at))) {
      this.#put(row, this.#stretch.indexOf(first));
      this.#view.insert(row, first);
    }
    this.#trimEnd();
    return at > 0;
  }

  /** The reader comes near the lower end. */
  down() {
    if (this.atEnd) return;
    const rows = this.#rows();
    const from = rows.indexOf(this.#stretch.at(-1)) + 1;
    this.#append(rows.slice(from, from + STEP));
    this.atEnd = from + STEP >= rows.length;
    this.#trimStart();
  }

  /** The reader goes to the newest. */
  end() {
    if (this.atEnd) return;
    this.clear();
    this.#append(this.#rows().slice(-STEP));
  }

  #append(rows) {
    for (const row of rows) {
      this.#put(row, this.#stretch.length);
      this.#view.insert(row, undefined);
    }
  }

  #put(row, at) {
    this.#stretch.splice(at, 0, row);
    this.#set.add(row);
  }

  #trimStart() {
    while (this.#stretch.length > SHOWN_AT_MOST) this.remove(this.#stretch[0]);
  }

  #trimEnd() {
    while (this.#stretch.length > SHOWN_AT_MOST) {
      this.remove(this.#stretch.at(-1));
      this.atEnd = false;
    }
  }
}

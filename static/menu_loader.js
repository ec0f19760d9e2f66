// Loads the menus of messages and people at the first sign of a reader who may want one, and whatever must work without a connection
// then.

/** `use` is what the menus need (menus.js). */
export class MenuLoader {
  #use;
  #menus = null;
  #isWarm = false;
  /** The event of a finger that is down. */
  #press = null;

  constructor(use) {
    this.#use = use;
    this.#listen(document.getElementById("timeline"), ".more", (menus, at) => menus.openMessage(at.closest("li"), at));
    this.#listen(document.getElementById("members"), "li", (menus, row) => menus.openPerson(row));
    const warmUp = (event) => this.#warmUp(event);
    for (const event of ["pointerover", "pointerdown", "keydown", "focusin"]) addEventListener(event, warmUp, { passive: true });
    for (const event of ["pointerup", "pointercancel"]) addEventListener(event, () => (this.#press = null));
  }

  /** Returns the menus; null without a connection: the next try loads them again. */
  async load() {
    try {
      const { Menus, isStyled } = await import("./menus.js");
      await isStyled;
      return (this.#menus ??= new Menus(this.#use));
    } catch {
      return null;
    }
  }

  #listen(list, css, open) {
    list.addEventListener("click", async ({ target }) => {
      const at = target.closest(css);
      const menus = at && (await this.load());
      if (menus) open(menus, at);
    });
  }

  async #warmUp(event) {
    if (event.type === "pointerdown") this.#press = event;
    if (this.#isWarm) return;
    this.#isWarm = true;
    try {
      const [menus] = await Promise.all([this.load(), this.#use.loadAnswering()]);
      menus.listen({ list: document.getElementById("timeline"), box: document.getElementById("scroll"), press: this.#press });
    } catch {
      this.#isWarm = false;
    }
  }
}

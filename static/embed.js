// The custom element <ruang-chat> for other sites: a frame with the room, and a token of the site for it.
//
// Attributes: token-url (where the site makes a token for its user), theme (auto, light, dark), compact, label.
// Events, which bubble: ruang-unread { count }, ruang-mention { from }, ruang-refused { code, error }.

{
  const script = new URL(document.currentScript.src);
  const room = script.origin;
  const door = new URL("embed", script);

  class RuangChat extends HTMLElement {
    #frame = null;
    #onMessage = (event) => this.#receive(event);

    connectedCallback() {
      const frame = document.createElement("iframe");
      frame.src = `${door}${this.hasAttribute("compact") ? "?compact" : ""}`;
      frame.title = this.getAttribute("label") ?? "Chat";
      frame.allow = "clipboard-write";
      Object.assign(frame.style, { border: "0", width: "100%", height: "100%", display: "block" });
      const theme = this.getAttribute("theme");
      if (theme === "light" || theme === "dark") frame.style.colorScheme = theme;
      // A site's own style sheet comes first.
      if (getComputedStyle(this).display === "inline") Object.assign(this.style, { display: "block", height: "32rem" });
      addEventListener("message", this.#onMessage);
      this.#frame = frame;
      this.replaceChildren(frame);
    }

    disconnectedCallback() {
      removeEventListener("message", this.#onMessage);
      this.replaceChildren();
    }

    #receive({ source, origin, data }) {
      if (source !== this.#frame.contentWindow || origin !== room || !data) return;
      const { ruang: kind, ...detail } = data;
      if (kind === "ready") this.#sendToken();
      else if (["unread", "mention", "refused"].includes(kind)) {
        this.dispatchEvent(new CustomEvent(`ruang-${kind}`, { detail, bubbles: true }));
      }
    }

    /** Fetches a new token each time: one is good once. */
    async #sendToken() {
      const address = this.getAttribute("token-url");
      try {
        const token = address ? await fetchToken(address) : null;
        this.#frame.contentWindow.postMessage({ ruang: "token", token }, room);
      } catch (error) {
        this.replaceChildren(`<ruang-chat>: ${error.message}`);
      }
    }
  }

  /** The site answers with the token as text, or as JSON: { token }. */
  async function fetchToken(address) {
    const response = await fetch(address, { method: "POST", cache: "no-store" });
    if (!response.ok) throw new Error(`${address} answered with status ${response.status}`);
    const text = (await response.text()).trim();
    const token = text.startsWith("{") ? JSON.parse(text).token : text;
    if (!token) throw new Error(`${address} answered without a token`);
    return token;
  }

  customElements.define("ruang-chat", RuangChat);
}

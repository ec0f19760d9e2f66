// Keeps the page in the part of the screen that a phone's keyboard leaves. Some browsers only lay the keyboard over the page.

/** A visible part this low, as above a keyboard in landscape, has a compact header and composer. */
const SHORT_PX = 288;
/** A zoomed page is larger than the screen on purpose. */
const MAX_SCALE = 1.01;

/** Fits an element to the visual viewport. `onChange` is called after its height changed. */
export function fitToViewport({ viewport, element, onChange, layoutHeight = () => innerHeight }) {
  if (!viewport) return;
  const fit = () => {
    const { height, offsetTop = 0, scale = 1 } = viewport;
    const isCovered = scale < MAX_SCALE && height < layoutHeight() - 1;
    element.style.height = isCovered ? `${height}px` : "";
    element.classList.toggle("short", isCovered && height < SHORT_PX);
    element.style.translate = isCovered && offsetTop > 0 ? `0 ${offsetTop}px` : "";
    onChange();
  };
  for (const event of ["resize", "scroll"]) viewport.addEventListener(event, fit);
  fit();
}

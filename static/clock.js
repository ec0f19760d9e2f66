// Moments as people read them, in their own time zone.

const formats = new Map();

/** Shows a moment in a <time> element: the hour, and all of it for who asks. */
export function show(time, at, lang) {
  const moment = new Date(at);
  time.dateTime = moment.toISOString();
  time.dataset.full = format(lang, { dateStyle: "full", timeStyle: "medium" }).format(moment);
  time.title = time.dataset.full;
  time.textContent = format(lang, { hour: "2-digit", minute: "2-digit" }).format(moment);
}

/** The day of a moment, as a heading: "today" and "yesterday" in the language's own words. */
export function day(at, lang, now = Date.now()) {
  const ago = daysBetween(at, now);
  if (ago === 0 || ago === 1) {
    const words = new Intl.RelativeTimeFormat(lang, { numeric: "auto" }).format(-ago, "day");
    return words[0].toLocaleUpperCase(lang) + words.slice(1);
  }
  const year = new Date(at).getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" };
  return format(lang, { weekday: "long", day: "numeric", month: "long", ...year }).format(at);
}

/** Whether two moments are of one day. */
export function sameDay(a, b) {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

function daysBetween(at, now) {
  const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / 86_400_000);
}

/** Making one costs far more than using it. */
function format(lang, options) {
  const key = lang + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(lang, options));
  return formats.get(key);
}

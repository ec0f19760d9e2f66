// Moments as people read them, in their own time zone.

/** Shows a moment in a <time> element: the hour, and the day where that is not today. */
export function show(time, at, lang) {
  const moment = new Date(at);
  const today = moment.toDateString() === new Date().toDateString();
  const clock = { hour: "2-digit", minute: "2-digit" };
  const format = today ? clock : { day: "numeric", month: "short", ...clock };
  time.dateTime = moment.toISOString();
  time.title = new Intl.DateTimeFormat(lang, { dateStyle: "full", timeStyle: "short" }).format(moment);
  time.textContent = new Intl.DateTimeFormat(lang, format).format(moment);
}

// A sound and a desktop notification for who is spoken to while away. Off until the person asks for them.

const NOTE_HZ = 660;
const NOTE_SECONDS = 0.25;

/** Asks the browser for leave to notify; answers whether it was given. Only ever called on a click. */
export async function allowed() {
  if (!("Notification" in globalThis)) return false;
  return (await Notification.requestPermission()) === "granted";
}

/** Shows who said what; a click on it leads to the room. */
export function notify({ from, text }, icon) {
  if (globalThis.Notification?.permission !== "granted") return;
  try {
    const shown = new Notification(from, { body: text, icon, tag: "ruang" });
    shown.onclick = () => {
      focus();
      shown.close();
    };
  } catch {
    // Some phones only let a service worker notify.
  }
}

/** A short, soft note. */
export function sound() {
  const context = new AudioContext();
  const [note, volume] = [context.createOscillator(), context.createGain()];
  const end = context.currentTime + NOTE_SECONDS;
  note.frequency.value = NOTE_HZ;
  volume.gain.setValueAtTime(0.12, context.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, end);
  note.connect(volume).connect(context.destination);
  note.onended = () => context.close();
  note.start();
  note.stop(end);
}

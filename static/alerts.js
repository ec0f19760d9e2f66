// Sound and desktop notification for mentions in a tab that is not in front. Both are off until the user turns them on.

const NOTE_HZ = 660;
const NOTE_SECONDS = 0.25;

/** Asks the browser for permission to notify; resolves to whether it was granted. Browsers require a user gesture. */
export async function requestPermission() {
  if (!("Notification" in globalThis)) return false;
  return (await Notification.requestPermission()) === "granted";
}

/** Shows a desktop notification with a message; a click on it focuses this tab. */
export function notify({ from, text }, icon) {
  if (globalThis.Notification?.permission !== "granted") return;
  try {
    const notification = new Notification(from, { body: text, icon, tag: "ruang" });
    notification.onclick = () => {
      focus();
      notification.close();
    };
  } catch {
    // Chrome on Android throws: there only a service worker may notify.
  }
}

/** Plays a short, soft note. */
export function playSound() {
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

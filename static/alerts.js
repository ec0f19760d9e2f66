// Sound and desktop notification. Both are off until the user turns them on.

const NOTE_HZ = 660;
const NOTE_SECONDS = 0.25;
/** A browser that lets the page make no sound leaves it waiting. */
const RESUME_MS = 500;

let registration;
let audio;

/** Returns whether the browser lets the site notify at the moment. */
export function isPermitted() {
  return globalThis.Notification?.permission === "granted";
}

/** Registers the service worker that notifies where the page cannot, and removes those of former versions. */
export function prepare() {
  registration ??= register().catch(() => null);
  return registration;
}

/** Shows a desktop notification, in the place of the one before; a click on it focuses the room. Resolves to whether it did. */
export async function notify(title, body, icon) {
  if (!isPermitted()) return false;
  const options = { body, icon, tag: "ruang", renotify: true };
  try {
    const notification = new Notification(title, options);
    notification.onclick = () => {
      focus();
      notification.close();
    };
    return true;
  } catch {
    return notifyByWorker(title, options);
  }
}

/** Plays a short, soft note. */
export async function playSound() {
  try {
    audio ??= new AudioContext();
    await Promise.race([audio.resume(), new Promise((resolve) => setTimeout(resolve, RESUME_MS))]);
    if (audio.state === "running") playNote(audio);
  } catch {
    // There is no sound on this device.
  }
}

function playNote(context) {
  const [note, volume] = [context.createOscillator(), context.createGain()];
  const end = context.currentTime + NOTE_SECONDS;
  note.frequency.value = NOTE_HZ;
  volume.gain.setValueAtTime(0.12, context.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, end);
  note.connect(volume).connect(context.destination);
  note.onended = () => context.suspend();
  note.start();
  note.stop(end);
}

async function register() {
  const { serviceWorker } = navigator;
  if (!serviceWorker) return null;
  const address = new URL("notifier.js", import.meta.url).href;
  // The page's policy lets no string become a script; this one is its own file.
  const policy = globalThis.trustedTypes?.createPolicy("notifier", { createScriptURL: () => address });
  const current = await serviceWorker.register(policy ? policy.createScriptURL("") : address);
  const all = await serviceWorker.getRegistrations();
  // Under a path the site around the room may have workers of its own.
  const ours = new URL("..", import.meta.url).href;
  const former = all.filter(({ scope }) => scope !== current.scope && scope.startsWith(ours));
  await Promise.all(former.map((one) => one.unregister()));
  return current;
}

async function notifyByWorker(title, options) {
  try {
    const worker = await prepare();
    await worker.showNotification(title, options);
    return true;
  } catch {
    return false;
  }
}

// Shows a part of the page as the server has it now: a code that renews, and what became of it. The
// part is #shown. While it says data-renew, the page is asked for again every so many seconds (at
// data-from, if that is elsewhere), and the part is replaced once its data-state is another.
const part = document.getElementById("shown");
let goodUntil = lasting(0); // by this page's own clock, in milliseconds since it was asked for
let asking = false;
let lock = null;

function lasting(since) {
  return part?.dataset.seconds ? since + Number(part.dataset.seconds) * 1000 : Infinity;
}

/** Take down a code that is over: one of a minute by our own clock, one that was kept by the phone's. */
function tell() {
  const kept = Date.parse(part.dataset.until ?? "");
  const lost = performance.now() > goodUntil || Date.now() > kept;
  part.classList.toggle("lost", lost);
  const words = part.querySelector("[data-when-lost]");
  if (words) words.hidden = !lost;
}

async function renew() {
  if (asking || !part.dataset.renew || document.visibilityState !== "visible") return;
  asking = true;
  const since = performance.now();
  try {
    const answer = await fetch(part.dataset.from ?? location.href, { cache: "no-store" });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("shown");
    if (fresh && fresh.dataset.state !== part.dataset.state) replace(fresh, since);
  } catch {
    // There is no signal: it is asked again, and the code goes down when it is over.
  } finally {
    asking = false;
  }
}

function replace(fresh, since) {
  for (const name of Object.keys(part.dataset)) delete part.dataset[name];
  Object.assign(part.dataset, { ...fresh.dataset });
  part.replaceChildren(...fresh.childNodes);
  goodUntil = lasting(since);
  tell();
  if ("buzz" in part.dataset) navigator.vibrate?.(200);
  if (part.dataset.renew) return;
  lock?.release().catch(() => {});
  forget();
}

/** What the phone kept of a page whose code is used is out of date. */
async function forget() {
  if (!("caches" in globalThis)) return; // nor is there a worker
  for (const name of await caches.keys()) await (await caches.open(name)).delete(location.pathname);
}

/** A code is shown for as long as the clerk needs: the screen stays on. */
async function stayOn() {
  if (document.visibilityState !== "visible" || !part.dataset.renew) return;
  lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
}

if (part?.dataset.renew) {
  stayOn();
  document.addEventListener("visibilitychange", () => {
    stayOn();
    renew();
  });
  addEventListener("online", renew);
  setInterval(renew, Number(part.dataset.renew) * 1000);
  setInterval(tell, 500);
  tell();
}

// Keeps what works without signal: our own files, and a few pages as they were last answered.
const ROOM = new URL(self.registration.scope).pathname; // each room's worker has its own
const NAME = `linli${ROOM}{{ version }}`;
const SHELL = {{ shell|safe }};
const KEPT = {{ kept|safe }}; // "/me/vouchers/*": all below
const isKept = (path) => KEPT.some((one) => (one.endsWith("*") ? path.startsWith(one.slice(0, -1)) : path === one));

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(NAME).then((cache) => Promise.all(SHELL.map((one) => cache.add(new Request(one, { cache: "reload" })).catch(() => {}))))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((one) => one.startsWith(`linli${ROOM}`) && one !== NAME).map((one) => caches.delete(one))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  // Whoever logs in or out leaves no page of who was there before.
  const isDoor = address.pathname.startsWith(`${ROOM}log-`) || address.pathname === `${ROOM}in`;
  if (event.request.mode === "navigate" && isDoor) event.waitUntil(caches.open(NAME).then(forget));
  if (event.request.method !== "GET" || address.origin !== location.origin) return;
  if (SHELL.includes(address.pathname)) return event.respondWith(fromShell(event.request));
  if (event.request.mode === "navigate" && isKept(address.pathname)) event.respondWith(page(event.request));
});

self.addEventListener("message", (event) => event.waitUntil(keep(event.data)));

async function keep({ seen, ahead }) {
  const cache = await caches.open(NAME);
  const missing = (await cache.match(seen)) ? [] : [seen];
  for (const path of [...missing, ...ahead].filter(isKept)) {
    const answer = await fetch(path).catch(() => null);
    if (answer?.ok && !answer.redirected) await cache.put(path, answer);
  }
}

async function fromShell(request) {
  const cache = await caches.open(NAME);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

// A page is asked for, and kept as it was answered; without signal the last one that was.
async function page(request) {
  const cache = await caches.open(NAME);
  const path = new URL(request.url).pathname;
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(path, answer.clone());
    // Whoever logged out, and is led to the log-in, leaves no page of theirs behind.
    if (answer.type === "opaqueredirect") await forget(cache);
    return answer;
  } catch (error) {
    const kept = await cache.match(path);
    if (kept) return kept;
    throw error;
  }
}

async function forget(cache) {
  const kept = (await cache.keys()).filter((one) => isKept(new URL(one.url).pathname));
  await Promise.all(kept.map((one) => cache.delete(one)));
}

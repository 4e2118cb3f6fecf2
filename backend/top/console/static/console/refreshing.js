// What is under way looks again by itself: the element with data-refreshes (seconds) is replaced by
// the newest there is, without moving the page; once there is none any more, all of it is drawn.
const AWAY = 15; // seconds, while nobody looks at the page or the network is gone
const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

for (;;) {
  const now = document.querySelector("[data-refreshes]");
  if (!now) break;
  await pause(document.hidden ? AWAY : Number(now.dataset.refreshes));
  try {
    const answer = await fetch(location.href);
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("[data-refreshes]");
    if (!next) {
      location.reload();
      break;
    }
    now.replaceWith(next);
  } catch {
    await pause(AWAY);
  }
}

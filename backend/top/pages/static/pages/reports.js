// Sends a report, once for its key; one that could not be sent waits on this phone and is sent from
// whatever page of /me/ is open once there is signal. [data-kept] shows what waits.
import { ask, LoggedOut, Unreachable } from "./api.js";
import { Waiting, whenOnline } from "./waiting.js";

const FIELDS = ["category", "text", "place", "estate_id", "latitude", "longitude", "coord_type"];
const LATER = [409, 429]; // it is being sent by another window, or too much was
const section = document.querySelector("[data-kept]"); // null on most pages

/** The reports that this person keeps on this phone: {community, key, typed, photos, refused}. */
export const kept = new Waiting("reports", document.body.dataset.owner);

/** Send what was typed. Throws Unreachable, LoggedOut. */
export async function send({ community, key, typed, photos }) {
  if (typed.agree) await ask("PUT", "me/consents/location", { body: { version: Number(typed.agree) } });
  const body = new FormData();
  const answers = {};
  for (const [name, value] of Object.entries(typed).filter(([, value]) => value !== "")) {
    const [, kind, code] = name.match(/^answer:(\w+):(.+)$/) ?? [];
    if (FIELDS.includes(name)) body.append(name, value);
    else if (kind === "yes_no") answers[code] = value === "yes";
    else if (kind) answers[code] = kind === "number" && Number.isFinite(Number(value)) ? Number(value) : value;
  }
  body.append("answers", JSON.stringify(answers));
  for (const photo of photos) body.append("photos", photo, photo.name ?? "photo.jpg");
  return ask("POST", `communities/${community}/reports`, { body, key });
}

/** What the API says is wrong, as lines. */
export const wrongs = ({ title, detail, errors }) => [
  title, detail, ...Object.values(errors ?? {}).flat().map((one) => one.message ?? one),
].filter((one) => typeof one === "string" && one);

function say(name, is) {
  if (section) section.querySelector(`[data-say="${name}"]`).hidden = !is;
}

export async function draw() {
  if (!section) return;
  const list = section.querySelector("ul");
  // One that is being changed in the form of this page is not listed above it.
  const every = (await kept.all()).filter(({ id }) => location.hash !== `#kept=${id}`);
  const waits = every.some(({ thing }) => !thing.refused);
  list.replaceChildren(...every.map(({ id, thing }) => {
    const item = section.querySelector("template").content.cloneNode(true);
    item.querySelector("[data-text]").textContent = thing.typed.text;
    item.querySelector("[data-refused]").textContent = (thing.refused ?? []).join(" ");
    item.querySelector(".buttons").hidden = !thing.refused;
    item.querySelector("[data-change]").href = `/me/reports/new?community=${thing.community}#kept=${id}`;
    item.querySelector("[data-discard]").addEventListener("click", () => kept.remove(id).then(draw));
    return item;
  }));
  const keeping = document.querySelector('[data-say="keeping"]:not([hidden]) .told');
  if (keeping) keeping.hidden = !waits;
  say("waits", waits && !keeping); // once is enough
  section.hidden = every.length === 0;
}

function tellSent(id) {
  if (!section) return;
  const told = document.querySelector("[data-sent]").content.cloneNode(true);
  told.querySelector("a").href = `/me/reports/${id}`;
  section.before(told);
}

async function sendAll() {
  for (const one of await kept.all()) {
    if (one.thing.refused) continue;
    try {
      const answer = await send(one.thing);
      if (LATER.includes(answer.status)) break;
      if (answer.good) {
        await kept.remove(one.id);
        tellSent(answer.data.id);
      } else await kept.replace({ ...one, thing: { ...one.thing, refused: wrongs(answer.data) } });
    } catch (error) {
      say("logged-out", error instanceof LoggedOut);
      if (!(error instanceof LoggedOut || error instanceof Unreachable)) throw error;
      break;
    }
  }
  await draw();
}

whenOnline(() => sendAll().catch(() => {})); // a phone that keeps nothing has nothing to send

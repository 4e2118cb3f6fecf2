// Checks in and out: what was scanned, typed or tapped is noted first, then told (noting.js).
import { newKey } from "./api.js";
import { Notes } from "./noting.js";
import { position } from "./place.js";
import { reads } from "./reader.js";

const FRESH = 120_000; // milliseconds that a position is good for
const LONG_AGO = 16 * 3600_000;
const act = () => document.querySelector("[name=act]:checked").value;
const tells = document.querySelector("[data-place]");
const list = document.querySelector("[data-noted]");
const begun = act(); // as the page knew
let next = begun;
let here = null;
let foundAt = 0;
const notes = new Notes(list, show);

async function find() {
  here = tells.checked ? await position() : null;
  foundAt = Date.now();
  document.querySelector("[data-nowhere]").hidden = !tells.checked || here !== null;
}

// An id of the phone, made up once, so that whoever verifies sees one phone checking in several people.
function device() {
  localStorage.device ??= newKey();
  return localStorage.device;
}

function note(item, what) {
  const where = here && Date.now() - foundAt < FRESH ? here : {};
  const isOut = item.act === "check_out";
  notes.note(isOut ? item : { ...item, ...where, device: device() }, { what });
  if (tells.checked) find();
}

// What was done on this phone since the page was fetched, or is not told yet, the page does not know.
function show(things) {
  const since = Math.max(Date.parse(list.dataset.madeAt), Date.now() - LONG_AGO);
  const last = things.filter(({ state, notedAt }) => state === "waiting" || (state === "told" && notedAt > since)).at(-1);
  const now = last ? { check_in: "check_out", check_out: "check_in" }[last.item.act] : begun;
  if (now !== next) document.querySelector(`[name=act][value=${now}]`).checked = true; // else as chosen
  next = now;
  for (const button of document.querySelectorAll("[data-attendance]")) {
    button.disabled = things.some(({ item, state }) => state !== "refused" && item.act === button.value && item.attendance_id === button.dataset.attendance);
  }
}

tells.addEventListener("change", () => {
  localStorage.tells_place = tells.checked ? "1" : "";
  find();
});
if (localStorage.tells_place) {
  tells.checked = true;
  find();
}

reads(document.querySelector("[data-reader]"), (code) => note({ act: act(), code }));
for (const button of document.querySelectorAll("[data-attendance]")) {
  button.addEventListener("click", () => note({ act: button.value, attendance_id: button.dataset.attendance }, button.dataset.what));
}

// A shift's roster on its leader's phone: who is scanned or marked is noted first, then told.
import { Notes } from "./noting.js";
import { reads } from "./reader.js";

const notes = new Notes(document.querySelector("[data-noted]"), show);
const act = () => document.querySelector("[name=act]:checked").value;

function show(things) {
  for (const row of document.querySelectorAll("[data-person]")) {
    const mine = things.filter(({ item }) => item.person_id === row.dataset.person);
    const last = mine.findLast?.(({ state }) => state !== "refused") ?? mine.at(-1);
    const status = row.querySelector("[data-status]");
    if (!last) continue;
    for (const button of row.querySelectorAll("button")) {
      const isDone = button.value === last.item.act || (last.item.act !== "check_out" && button.value !== "check_out");
      button.disabled = isDone && last.state !== "refused";
    }
    status.textContent = last.state === "told" ? row.parentElement.dataset[last.status] : row.parentElement.dataset[last.state];
    status.className = `status ${last.state === "told" ? "done" : last.state === "waiting" ? "amber" : "red"}`;
  }
  const waiting = things.filter(({ state }) => state === "waiting").length;
  for (const one of document.querySelectorAll("[data-count]")) {
    one.hidden = !waiting;
    one.querySelector("b").textContent = waiting;
  }
}

reads(document.querySelector("[data-reader]"), (code) => {
  notes.note({ act: act(), code });
  return true; // the next in line
});
document.querySelector("[data-roster]").addEventListener("click", ({ target }) => {
  const button = target.closest("button[value]");
  if (!button) return;
  const row = button.closest("[data-person]");
  notes.note({ act: button.value, person_id: row.dataset.person }, { who: row.dataset.name });
});

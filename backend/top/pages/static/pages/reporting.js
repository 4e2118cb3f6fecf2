// The form of a report: its category's questions, photos before they are sent, the place, near ones.
import { ask, LoggedOut, newKey, Unreachable } from "./api.js";
import { draw, kept, send, wrongs } from "./reports.js";

const LONGEST = 2048; // pixels of a photo's longer side, which the server keeps
const find = (selector, within = document) => within.querySelector(selector);
const words = (name, facts = {}) =>
  find(`template[data-says="${name}"]`).content.textContent.replace(/{(\w+)}/g, (_, fact) => facts[fact]);

// --- the questions of the chosen category ----------------------------------------------------
const category = find("#category");
const itsQuestions = () => document.querySelectorAll("fieldset[data-category]").forEach((one) => {
  one.disabled = one.hidden = one.dataset.category !== category.value;
});
category?.addEventListener("change", itsQuestions);

// --- photos ----------------------------------------------------------------------------------
let photos = [];

async function smaller(file) {
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    const made = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));
    return made && made.size < file.size ? new File([made], "photo.jpg", { type: made.type }) : file;
  } catch {
    return file; // no picture that this browser reads: the API says what is wrong
  }
}

function show(photo) {
  const item = find("[data-photo]").content.cloneNode(true).firstElementChild;
  find("img", item).src = URL.createObjectURL(photo);
  find("button", item).addEventListener("click", () => {
    photos = photos.filter((one) => one !== photo);
    URL.revokeObjectURL(find("img", item).src);
    item.remove();
  });
  find("[data-photos]").append(item);
}

async function add(files) {
  for (const file of files) {
    const photo = await smaller(file);
    photos.push(photo);
    show(photo);
  }
}

document.querySelectorAll("input[type=file]").forEach((input) => input.addEventListener("change", async () => {
  const chosen = [...input.files];
  input.value = "";
  await add(chosen);
}));

// A form that goes to the page itself takes along what was chosen.
const more = find("form[data-more-photos]");
more?.addEventListener("submit", () => {
  const chosen = new DataTransfer();
  photos.forEach((photo) => chosen.items.add(photo));
  find("input[multiple]", more).files = chosen.files;
});

// --- a new report ----------------------------------------------------------------------------
const form = find("form[data-report]");
if (form) begin(form);

function begin(form) {
  const { latitude, longitude, coord_type, community } = form.elements;
  const status = find("[data-place]"), agree = find("[data-agree]"), near = find("[data-near]");
  const told = (name, is) => (find(`[data-say="${name}"]`).hidden = !is);
  let key = newKey(), takenUp = null, isBusy = false;

  const locate = () => {
    status.textContent = words("looking");
    navigator.geolocation.getCurrentPosition(({ coords }) => {
      [latitude.value, longitude.value, coord_type.value] = [coords.latitude, coords.longitude, "wgs84"];
      status.textContent = words("found", { metres: Math.round(coords.accuracy) });
      if (agree) agree.hidden = false;
      nearOnes();
    }, () => (status.textContent = words("unknown")), { enableHighAccuracy: true, timeout: 15_000, maximumAge: 30_000 });
  };
  find("[data-locate]").addEventListener("click", locate);
  category.addEventListener("change", () => nearOnes());

  // --- near ones first ---
  async function nearOnes() {
    near.hidden = true;
    if (!category.value || !latitude.value) return;
    const asked = new URLSearchParams({
      category: category.value, latitude: latitude.value, longitude: longitude.value, coord_type: coord_type.value,
    });
    const answer = await ask("GET", `communities/${community.value}/reports/near?${asked}`).catch(() => null);
    if (!answer?.good || asked.get("category") !== category.value) return;
    find("ul", near).replaceChildren(...answer.data.map(nearOne));
    near.hidden = answer.data.length === 0;
  }

  function nearOne(report) {
    const item = find("template", near).content.cloneNode(true).firstElementChild;
    const day = new Intl.DateTimeFormat(document.documentElement.lang, { month: "long", day: "numeric" });
    find("[data-name]", item).textContent = category.selectedOptions[0].textContent.trim();
    find("[data-status]", item).textContent = words(report.status);
    find("[data-far]", item).textContent = words("far", { metres: report.metres, day: day.format(new Date(report.submitted_at)) });
    const button = find("[data-me-too]", item), once = newKey();
    button.addEventListener("click", async () => {
      button.disabled = true;
      const address = `communities/${community.value}/reports/${report.id}/confirm`;
      const answer = await ask("POST", address, { key: once }).catch(() => null);
      find(".bad", item).hidden = Boolean(answer?.good);
      find(".bad", item).textContent = answer ? wrongs(answer.data ?? {}).join(" ") : words("away");
      button.hidden = Boolean(answer?.good);
      find(".good", item).hidden = !answer?.good;
      button.disabled = false;
    });
    return item;
  }

  // --- sending ---
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = find("[data-send]", form).disabled = true;
    const typed = Object.fromEntries([...new FormData(form)].filter(([, value]) => typeof value === "string"));
    const report = { community: community.value, key, typed, photos };
    try {
      const answer = await send(report);
      if (answer.good) {
        if (takenUp !== null) await kept.remove(takenUp);
        return location.assign(`/me/reports/${answer.data.id}`);
      }
      refuse(answer.data);
    } catch (error) {
      if (!(error instanceof Unreachable || error instanceof LoggedOut)) throw error;
      await keep(report, error instanceof LoggedOut);
    } finally {
      isBusy = find("[data-send]", form).disabled = false;
    }
  });

  function refuse(data) {
    key = newKey(); // what is sent next is something else
    const [title, ...lines] = wrongs(data);
    if (title) find("[data-title]").textContent = title;
    find("[data-errors]").replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
    told("refused", true);
    find('[data-say="refused"]').scrollIntoView({ block: "center" });
  }

  async function keep(report, isLoggedOut) {
    try {
      if (takenUp === null) await kept.add(report);
      else await kept.replace({ id: takenUp, kind: kept.kind, owner: kept.owner, thing: report });
    } catch {
      told("unkept", true);
      return scrollTo(0, 0);
    }
    history.replaceState(null, "", location.pathname + location.search);
    form.hidden = true;
    told("refused", false);
    told("keeping", !isLoggedOut);
    told("logged-out", isLoggedOut);
    await draw();
    scrollTo(0, 0);
  }

  // --- one that was refused later is taken up again ---
  async function takeUp(id) {
    const one = (await kept.all()).find((waiting) => waiting.id === id);
    if (!one) return;
    takenUp = id;
    category.value = one.thing.typed.category;
    itsQuestions();
    for (const [name, value] of Object.entries(one.thing.typed)) {
      const fields = [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)].filter((field) => !field.matches(":disabled, [type=checkbox]"));
      if (!["csrfmiddlewaretoken", "act", "key"].includes(name)) fields.forEach((field) => (field.value = value));
    }
    await add(one.thing.photos);
    nearOnes();
  }
  const [, id] = location.hash.match(/^#kept=(\d+)$/) ?? [];
  if (id) takeUp(Number(id));
}

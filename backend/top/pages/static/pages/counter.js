// The counter: a code is seen, asked about, and shown as one large result. See docs/pages.md.
import { ask, LoggedOut, newKey, Unreachable } from "./api.js";
import { Camera, codeIn } from "./scanner.js";
import { isSigned, Till } from "./till.js";
import { whenOnline } from "./waiting.js";

const at = (id) => document.getElementById(id);
const { shop, person } = at("counter").dataset;
const words = at("words").dataset;
const result = at("result");
const payment = at("payment");
const camera = new Camera(document.querySelector(".camera video"));
const till = new Till(shop, person);

const said = (pattern, facts) => pattern.replace(/\{(\w+)\}/g, (_, name) => facts[name] ?? "");
const refusal = (code) => words[code.replace(/_(.)/g, (_, letter) => letter.toUpperCase())] ?? code;
const time = (moment) => new Date(moment).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });

// --- what is heard and felt --------------------------------------------------------------------
const LOUD = "linli-quiet"; // in localStorage: "1" for neither sound nor vibration
const TONES = { success: [880, 1320], attention: [660, 660], refused: [220, 160] }; // hertz
const SHAKES = { success: [80], attention: [80, 80, 80], refused: [400] }; // milliseconds
let audio = null;

at("loud").checked = localStorage.getItem(LOUD) !== "1";
at("loud").addEventListener("change", ({ target }) => localStorage.setItem(LOUD, target.checked ? "0" : "1"));
// Browsers let a page sound once it was touched.
addEventListener("click", () => (audio ??= "AudioContext" in window ? new AudioContext() : null), { once: true });

function sound(name) {
  if (!at("loud").checked) return;
  navigator.vibrate?.(SHAKES[name] ?? []);
  if (audio === null) return;
  (TONES[name] ?? []).forEach((hertz, nth) => {
    const tone = new OscillatorNode(audio, { frequency: hertz, type: "square" });
    const volume = new GainNode(audio, { gain: 0.2 });
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + nth * 0.18);
    tone.stop(audio.currentTime + nth * 0.18 + 0.15);
  });
}

// --- one result ---------------------------------------------------------------------------------
let busy = false;
let again = null;

function state(text = "") {
  at("state").textContent = text;
  at("state").hidden = !text;
}

/** Show a result until it is put away: {colour, sound, word, lines, again, logIn, redemption}. */
function show(told) {
  state();
  result.className = `result ${told.colour}`;
  again = told.again ?? null;
  at("again").hidden = again === null;
  at("log-in").hidden = !told.logIn;
  at("refund").hidden = !told.redemption;
  at("refund").href = at("refund").dataset.of + told.redemption;
  result.showModal();
  at("result-word").textContent = told.word;
  at("result-lines").replaceChildren(
    ...told.lines.filter(Boolean).map((line) => Object.assign(document.createElement("p"), { textContent: line })),
  );
  at("next").focus();
  sound(told.sound);
}

const amber = (word, why, more = {}) => show({ colour: "amber", sound: "attention", word, lines: [why], ...more });
const red = (why) =>
  show({ colour: "red", sound: "refused", word: words.refused, lines: [why, words.giveNothing] });

function showAnswer({ good, data }, again = null) {
  if (good) {
    const items = data.items ?? [data];
    const lines = items.map((one) => `${one.offer_title} ${said(words.times, { count: one.quantity })}`);
    lines.push(said(words.points, { count: data.price_points }), data.volunteer);
    return show({ colour: data.colour, sound: data.sound, word: data.result, lines, redemption: data.id });
  }
  const wrong = Object.values(data.errors ?? {}).flat()[0]?.message;
  const before = data.redeemed_at && said(words.before, { at: time(data.redeemed_at) });
  show({
    colour: data.colour ?? "amber",
    sound: data.sound ?? "attention",
    word: data.result ?? words.refused,
    lines: [wrong ?? data.title, before, data.what_to_do],
    again,
  });
}

at("next").addEventListener("click", () => result.close());
at("again").addEventListener("click", () => result.close("again"));
// A dialog is also closed by the phone's own key for going back.
result.addEventListener("close", () => rest(result, "again", again));

function rest(dialog, word, act) {
  const goesOn = dialog.returnValue === word;
  dialog.returnValue = "";
  busy = camera.paused = false;
  at("quantity").value = "";
  if (goesOn) begin(act);
}

function begin(act) {
  if (busy) return;
  busy = camera.paused = true;
  state(words.asking);
  act().catch((error) => {
    if (error instanceof LoggedOut) return amber(words.loggedOut, words.loggedOutWhy, { logIn: true });
    amber(words.unknown, words.unknownWhy, { again: act });
    if (!(error instanceof Unreachable)) throw error;
  });
}

/** Send something that may be sent again under its key until there is an answer. */
async function send(address, body, key) {
  const answer = await ask("POST", `merchants/${shop}/${address}`, { body, key });
  if (answer.data.code === "idempotency_key_in_use") throw new Unreachable(); // the first is at it
  return answer;
}

// --- a scan -------------------------------------------------------------------------------------
function scan(text, quantity) {
  const code = text.trim();
  const key = newKey(); // one for each scan, also when it is tried again
  let asked = false;
  const act = async () => {
    if (!navigator.onLine) return withoutSignal();
    const body = quantity ? { code, quantity } : { code };
    let answer;
    try {
      asked = true;
      answer = await send("scans", body, key);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      return withoutSignal();
    }
    if (answer.good) till.note(code);
    if (["pay_code_shown", "card_pin_needed"].includes(answer.data.code)) return choose(code);
    showAnswer(answer);
  };
  const withoutSignal = async () => {
    const isChecked = isSigned(code) && till.isRegistered;
    if (asked && (!isChecked || quantity)) return amber(words.unknown, words.unknownWhy, { again: act });
    if (!isSigned(code)) return amber(words.noSignal, words.noSignalWhy, { again: act });
    if (!isChecked) return amber(words.unprepared, words.unpreparedWhy, { again: act });
    const { why, said: claims, community } = await till.check(code);
    if (why) return red(refusal(why));
    const of = `[data-code="${CSS.escape(claims.offer)}"][data-community="${CSS.escape(community)}"]`;
    const title = payment.querySelector(of)?.dataset.title ?? claims.offer;
    const item = `${title} ${said(words.times, { count: claims.quantity })}`;
    await till.keepScan(code, item, asked ? key : undefined);
    await list();
    show({ colour: "green", sound: "success", word: words.kept, lines: [item, words.keptWhy] });
  };
  begin(act);
}

at("look").addEventListener("click", async () => {
  at("look").hidden = true;
  state();
  try {
    await camera.start((code) => scan(code, Number(at("quantity").value)));
  } catch {
    state(words.noCamera);
  }
  at("look").hidden = false;
});
// A camera that nobody looks through is put down.
document.addEventListener("visibilitychange", () => document.hidden && camera.stream && camera.stop());

at("typed").addEventListener("submit", (event) => {
  event.preventDefault();
  scan(at("code").value, Number(at("quantity").value));
  at("code").value = "";
});
at("photo").addEventListener("change", async ({ target }) => {
  state(words.asking);
  const code = target.files[0] ? await codeIn(target.files[0]).catch(() => null) : null;
  target.value = "";
  if (code === null) return state(words.noCode);
  scan(code, Number(at("quantity").value));
});

// --- a pay code, or a card that takes a PIN ------------------------------------------------------
const card = at("card");
let next = null; // what is done once the dialog is filled in

for (const dialog of [payment, card]) {
  dialog.querySelector("[data-closes]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => rest(dialog, "filled", next));
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    next = dialog.fill(Object.fromEntries(new FormData(event.target)));
    dialog.close("filled");
  });
}

function fill(dialog, how) {
  state();
  dialog.fill = how;
  dialog.querySelector("form").reset();
  dialog.showModal();
}

const choose = (code) =>
  fill(payment, ({ offer, amount }) => {
    const count = Number(amount);
    return pay({ code, ...(offer ? { items: [{ offer_id: offer, quantity: count }] } : { points: count }) });
  });
const askPin = (body) => fill(card, ({ pin }) => pay({ ...body, pin }));

function pay(body) {
  const key = newKey();
  return async () => {
    const answer = await send("payments", body, key);
    if (answer.data.code === "card_pin_needed") return askPin(body);
    showAnswer(answer, answer.data.code === "card_pin_wrong" ? async () => askPin(body) : null);
  };
}

// --- what is kept on this phone -----------------------------------------------------------------
async function list() {
  const every = await till.waiting.all();
  const waits = every.filter(({ thing }) => !thing.outcome).length;
  at("waiting").hidden = every.length === 0;
  at("waiting-count").textContent = waits ? said(words.waiting, { count: waits }) : "";
  at("waiting").querySelector("ul").replaceChildren(...every.map(line));
}

function line({ id, thing }) {
  const row = document.createElement("li");
  row.className = "row";
  const before = thing.before && said(words.before, { at: time(thing.before.at), device: thing.before.device });
  const why = thing.outcome ? [refusal(thing.outcome), before].filter(Boolean).join(" ") : words.waits;
  const name = Object.assign(document.createElement("span"), { textContent: `${time(thing.device_time)} ${thing.shown}` });
  const mark = Object.assign(document.createElement("span"), { className: thing.outcome ? "wrong" : "quiet", textContent: why });
  row.append(name, mark);
  if (thing.outcome && thing.recorded && thing.outcome !== "own_voucher") {
    const seen = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: words.seen });
    seen.addEventListener("click", () => till.waiting.remove(id).then(list));
    row.append(seen);
  }
  return row;
}

async function tell() {
  if (!navigator.onLine || !(await till.toSend()).length) return;
  try {
    const { redeemed, problem } = await till.send();
    if (redeemed) state(said(words.sent, { count: redeemed }));
    if (problem) state(said(words.unsent, { why: problem }));
  } catch (error) {
    if (error instanceof LoggedOut) state(said(words.unsent, { why: words.loggedOutWhy }));
    else if (!(error instanceof Unreachable)) throw error;
  } finally {
    await list();
  }
}

function prepared() {
  at("till-ready").hidden = !till.isRegistered;
  at("register").hidden = till.isRegistered;
}

const registering = newKey();
at("register").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await till.register(at("till-name").value, registering).catch(() => null);
  if (answer === null) state(words.noSignal);
  else if (!answer.good) state(Object.values(answer.data.errors ?? {}).flat()[0]?.message ?? answer.data.title);
  prepared();
});

prepared();
list().then(() => whenOnline(tell));
if (navigator.onLine) till.refresh().catch(() => {}).then(prepared);

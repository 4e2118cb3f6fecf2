// Acts that are noted on this phone first and told to the API as soon as there is signal: check-ins,
// check-outs and marks. A <ul data-noted> shows them; its <template>s and data have the words.
import { ask, LoggedOut, newKey, Unreachable } from "./api.js";
import { Waiting, whenOnline } from "./waiting.js";

const AT_ONCE = 200;
const NOW = 10_000; // milliseconds: what is told so soon happens now, by the clock of the server
const SHOWN = 24 * 3600_000; // and what was told stays on the phone for so long
const LATER = [401, 409, 429];

/** The notes of one person. `onChange(things)` is called when one of them changes. */
export class Notes {
  constructor(list, onChange = () => {}) {
    this.list = list;
    this.onChange = onChange;
    this.kept = new Waiting("attendance", list.dataset.owner);
    this.address = list.dataset.address;
    this.soon = whenOnline(() => this.tell());
  }

  /** Note an act, say that it is noted, and try to tell it at once. `item` is the API's. */
  async note(item, { address = this.address, what = "", who = "" } = {}) {
    const at = new Date();
    const noted = { nonce: newKey(), ...item, at: at.toISOString() };
    await this.kept.add({ address, item: noted, notedAt: at.getTime(), state: "waiting", what, who });
    await this.draw();
    navigator.vibrate?.(80);
    await this.soon(); // one that was under way already may not have seen it
    await this.soon();
  }

  async tell() {
    await this.draw();
    try {
      for (let ones; (ones = await this.next()).length; ) if (!(await this.send(ones))) break;
      this.say("");
    } catch (error) {
      if (!(error instanceof Unreachable || error instanceof LoggedOut)) throw error;
      this.say(error instanceof LoggedOut ? "logged-out" : "");
    }
    await this.draw();
  }

  /** What is told next: the oldest that waits and others of its address, in their order. */
  async next() {
    const waiting = (await this.kept.all()).filter(({ thing }) => thing.state === "waiting");
    return waiting.filter(({ thing }) => thing.address === waiting[0].thing.address).slice(0, AT_ONCE);
  }

  /** Returns whether each has its result now. */
  async send(ones) {
    const items = ones.map(({ thing }) => (Date.now() - thing.notedAt < NOW ? { ...thing.item, at: null } : thing.item));
    const answer = await ask("POST", ones[0].thing.address, { body: { items } });
    if (answer.good) {
      const { results } = answer.data;
      for (const [n, one] of ones.entries()) {
        const { outcome, status, refused_because: why, refused_claim_id: claim } = results[n];
        await this.settle(one, { state: outcome === "accepted" ? "told" : "refused", status, why, claim });
      }
      return true;
    }
    if (LATER.includes(answer.status)) return false;
    if (answer.status === 400 && ones.length > 1) {
      // One that is malformed keeps none of the others from being told.
      for (const one of ones) if (!(await this.send([one]))) return false;
      return true;
    }
    for (const one of ones) await this.settle(one, { state: "refused", why: answer.data.title });
    return true;
  }

  async settle(one, result) {
    await this.kept.replace({ ...one, thing: { ...one.thing, ...result } });
    if (result.state === "refused") navigator.vibrate?.([120, 80, 120]);
  }

  say(what) {
    for (const one of document.querySelectorAll("[data-said]")) one.hidden = one.dataset.said !== what;
  }

  async draw() {
    const all = await this.kept.all();
    const isOver = ({ thing }) => thing.state !== "waiting" && Date.now() - thing.notedAt > SHOWN;
    for (const one of all.filter(isOver)) await this.kept.remove(one.id);
    // Of all addresses, and only what needs a look, where nothing is noted.
    const isShown = ({ address, state }) => (this.address ? address === this.address : state !== "told");
    const things = all.filter((one) => !isOver(one)).map(({ thing }) => thing).filter(isShown);
    const from = this.list.dataset.latest ? things.length - this.list.dataset.latest : 0;
    const shown = things.filter(({ state }, n) => n >= from || state === "refused");
    this.list.replaceChildren(...shown.map((thing) => this.drawn(thing)).reverse());
    this.onChange(things);
  }

  drawn({ item, notedAt, state, what, who, why, claim }) {
    const drawn = document.querySelector(`template[data-state="${state}"]`).content.cloneNode(true);
    const at = new Date(notedAt).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hour12: false });
    const words = { act: this.list.dataset[item.act], what: [who, what].filter(Boolean).join(" · "), at, why };
    for (const [name, word] of Object.entries(words)) {
      for (const one of drawn.querySelectorAll(`[data-${name}]`)) one.textContent = word ?? "";
    }
    for (const one of drawn.querySelectorAll("[data-claim]")) one.hidden = !claim;
    return drawn;
  }
}

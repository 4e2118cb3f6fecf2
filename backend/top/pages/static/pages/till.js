// A phone that scans without signal (docs/offline.md): what it is registered as, the keys that it
// checks signed codes with, what it scanned, and the scans that wait to be told. All of it is the
// shop's: whichever clerk has signal next tells what another kept.
import { ask, newKey } from "./api.js";
import { Waiting } from "./waiting.js";

const STATIC = new URL("..", import.meta.url).href;
const AT_ONCE = 100;
const REMEMBERED = 30 * 86_400_000; // milliseconds: longer than any voucher waits
const utf8 = new TextEncoder();

/** A code that is signed, rather than typed. */
export const isSigned = (code) => code.includes(".");

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const json = (text) => JSON.parse(new TextDecoder().decode(bytes(text)));

function claims(code) {
  try {
    const [head, body, signature, ...more] = code.split(".");
    if (more.length) return null;
    return { head: json(head), said: json(body), signed: utf8.encode(`${head}.${body}`), signature: bytes(signature) };
  } catch {
    return null;
  }
}

export class Till {
  constructor(shop, person) {
    this.shop = shop;
    this.person = person;
    this.waiting = new Waiting("scans", shop);
    this.name = `linli-till-${shop}`;
  }

  get state() {
    return { device: null, keys: [], scanned: {}, ...JSON.parse(localStorage.getItem(this.name) ?? "{}") };
  }

  keep(change) {
    localStorage.setItem(this.name, JSON.stringify({ ...this.state, ...change }));
  }

  get isRegistered() {
    return this.state.device !== null;
  }

  /** Register this phone under a name; `key` is the try's. Returns the API's answer. */
  async register(name, key) {
    const answer = await ask("POST", `merchants/${this.shop}/devices`, { body: { name }, key });
    if (answer.good) this.keep({ device: answer.data.id });
    if (answer.good) await this.refresh();
    return answer;
  }

  /** With signal: fetch the keys anew, and forget the registration if the owner ended it. */
  async refresh() {
    const { device } = this.state;
    if (device === null) return;
    const [own, keys] = [await ask("GET", `devices/${device}`), await ask("GET", `merchants/${this.shop}/voucher-keys`)];
    if (own.good && own.data.retired_at !== null) this.keep({ device: null, keys: [] });
    else if (keys.good) this.keep({ keys: keys.data.keys });
    await verifier().catch(() => {}); // so that it is there without signal
  }

  /** Remember what this phone redeemed, by the voucher's code, so that it never does so twice. */
  note(code) {
    const voucher = isSigned(code) ? claims(code)?.said.sub : code.toUpperCase().replace(/[^0-9A-Z]/g, "");
    const since = Date.now() - REMEMBERED;
    const scanned = Object.fromEntries(Object.entries(this.state.scanned).filter(([, at]) => at > since));
    this.keep({ scanned: { ...scanned, [voucher]: Date.now() } });
  }

  /** Check a signed code as docs/offline.md says. Returns {said, community}, or {why}: a refusal. */
  async check(code) {
    const read = claims(code);
    if (read === null || read.head.alg !== "EdDSA") return { why: "code_tampered" };
    const { keys, scanned } = this.state;
    const key = keys.find((one) => one.kid === read.head.kid);
    if (!key) return { why: "code_unknown" };
    const { verifyAsync } = await verifier();
    const isOurs = await verifyAsync(read.signature, read.signed, bytes(key.x), { zip215: false }).catch(() => false);
    if (!isOurs) return { why: "code_tampered" };
    if (read.said.aud !== this.shop) return { why: "not_your_merchant" };
    if (read.said.exp * 1000 <= Date.now()) return { why: "code_expired" };
    if (read.said.sub in scanned) return { why: "code_used" };
    return { said: read.said, community: key.community };
  }

  /**
   * Keep a scan that was checked; `shown` is what the list says of it. `key` is that of a request
   * whose answer did not come: it is asked for again before the scan is told as one without signal.
   */
  async keepScan(code, shown, key) {
    await this.waiting.add({ code, shown, key, nonce: newKey(), device_time: new Date().toISOString() });
    this.note(code);
  }

  /**
   * Tell what waits. Returns how many were redeemed, and `problem` if the upload was refused. What was
   * not redeemed stays, with its `outcome`. Throws Unreachable, LoggedOut.
   */
  async send() {
    let redeemed = 0;
    for (const one of await this.toSend()) {
      if (!one.thing.key) continue;
      const { key, ...thing } = one.thing;
      const answer = await ask("POST", `merchants/${this.shop}/scans`, { body: { code: thing.code }, key });
      if (answer.good) {
        await this.waiting.remove(one.id);
        redeemed += 1;
      } else await this.waiting.replace({ ...one, thing });
    }
    const every = await this.toSend();
    for (let from = 0; from < every.length; from += AT_ONCE) {
      const some = every.slice(from, from + AT_ONCE);
      const scans = some.map(({ thing }) => ({ nonce: thing.nonce, code: thing.code, device_time: thing.device_time }));
      const body = { device_id: this.state.device, scans };
      const answer = await ask("POST", `merchants/${this.shop}/offline-scans`, { body });
      if (!answer.good) return { redeemed, problem: answer.data.title };
      for (const [at, told] of answer.data.results.entries()) redeemed += await this.settle(some[at], told);
    }
    return { redeemed };
  }

  async toSend() {
    if (!this.isRegistered) return [];
    const every = await this.waiting.all();
    return every.filter(({ thing }) => !thing.outcome || (thing.outcome === "own_voucher" && thing.by !== this.person));
  }

  async settle(one, told) {
    if (told.outcome === "redeemed") {
      await this.waiting.remove(one.id);
      return 1;
    }
    const thing = { ...one.thing, by: this.person, before: told.taken_before, recorded: told.id !== null };
    // Another scan has the nonce, or a colleague has to tell this one: under another nonce.
    if (["scan_nonce_reused", "own_voucher"].includes(told.outcome)) thing.nonce = newKey();
    if (told.outcome !== "scan_nonce_reused") thing.outcome = told.outcome;
    await this.waiting.replace({ ...one, thing });
    return 0;
  }
}

let loaded = null;
const verifier = () => (loaded ??= import(`${STATIC}noble/index.js`).catch((error) => {
  loaded = null; // it is tried again: perhaps there was no signal
  throw error;
}));

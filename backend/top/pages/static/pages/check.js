// The page "Check it yourself": reads a receipt, fetches the published seals, says each step.
import { readReceipt, Unreadable, wrongInItself, wrongWithPublished } from "./receipt.js";

const FACTS = ["amount", "points", "reason", "act", "occurred_at", "period_start", "expires_on", "id"];
const form = document.querySelector("form.check");
const verdict = document.querySelector(".verdict");
const file = document.getElementById("receipt");
const noted = document.getElementById("noted");
let running = 0;

const has = (name) => document.querySelector(`template[data-say="${name}"]`) !== null;
const words = (name, details = {}) =>
  document.querySelector(`template[data-say="${name}"]`).content.textContent.replace(/\{(\w+)\}/g, (_, key) => details[key]);

function said(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
const tell = (className, text) => verdict.replaceChildren(said("p", `told ${className}`, text));

const when = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
/** A fact as people read it: moments by the reader's clock. */
const shown = (value) => (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? when.format(new Date(value)) : String(value).slice(0, 200));

/** The published seals from `number` on, newest first. */
async function published(number, isOver) {
  const seals = [];
  let address = `${form.dataset.seals}?page_size=100`;
  while (address && !(seals.length && seals.at(-1).number <= number)) {
    const answer = await fetch(address, { cache: "no-store" });
    if (answer.status === 429) {
      const seconds = Number(answer.headers.get("Retry-After")) || 10;
      tell("wait", words("waiting", { seconds }));
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      continue;
    }
    if (!answer.ok) throw new Error(answer.status);
    const page = await answer.json();
    if (isOver()) return null;
    seals.push(...page.results);
    address = page.next && new URL(page.next).pathname + new URL(page.next).search;
    tell("wait", words("walking", { count: seals.length }));
  }
  return seals.filter((seal) => seal.number >= number);
}

function facts(receipt) {
  let leaf = null;
  try {
    leaf = JSON.parse(receipt.leaf);
  } catch {
    // it is shown as it is
  }
  const list = document.createElement("dl");
  list.className = "facts";
  const add = (name, value) => {
    const row = document.createElement("div");
    row.append(said("dt", "", words(`fact-${name}`)), said("dd", "", shown(value)));
    list.append(row);
  };
  if (typeof leaf !== "object" || leaf === null) add("id", receipt.leaf);
  else for (const name of FACTS) if (["string", "number"].includes(typeof leaf[name])) add(name, leaf[name]);
  return list;
}

async function check(bytes, head, isOver) {
  const receipt = readReceipt(bytes);
  if (receipt.seal.community !== form.dataset.community) return tell("bad", words("elsewhere"));
  const { number, size } = receipt.seal;
  const inItself = await wrongInItself(receipt);
  const seals = await published(number, isOver);
  if (seals === null) return;
  const wrong = [...inItself, ...(await wrongWithPublished(receipt, seals))];
  const is = (...codes) => wrong.some(([code]) => codes.includes(code));
  const found = head && seals.find((seal) => seal.head.startsWith(head));
  if (head && !found) wrong.push(["noted", { number }]);

  const good = [];
  if (!is("path", "root")) good.push(["root", { place: receipt.index + 1, size, number }]);
  if (!is("head")) good.push(["head", {}]);
  if (!is("unpublished", "differs", "published")) good.push(["published", { number }]);
  if (!is("unpublished", "unchained", "published") && seals.length)
    good.push(["chain", { count: seals.length, latest: seals[0].number }]);
  if (found) good.push(["noted", { number: found.number }]);

  const steps = document.createElement("ol");
  steps.className = "steps";
  steps.append(
    ...good.map(([code, details]) => said("li", "good", words(`good-${code}`, details))),
    ...wrong.map(([code, details]) => said("li", "bad", words(`bad-${code}`, details))),
  );
  const outcome = wrong.length ? said("p", "told bad", words("fails")) : said("p", "told good", words("holds"));
  const card = said("div", "card", "");
  card.append(said("h2", "", words("says")), facts(receipt));
  verdict.replaceChildren(outcome, steps, card);
}

async function begin(chosen) {
  const turn = ++running;
  const isOver = () => turn !== running; // another receipt was chosen meanwhile
  const head = noted.value.toLowerCase().replace(/[\s…]/g, "");
  if (!chosen) return tell("bad", words("choose"));
  if (head && !/^[0-9a-f]{16,64}$/.test(head)) return tell("bad", words("short"));
  if (!globalThis.crypto?.subtle) return tell("bad", words("insecure"));
  tell("wait", words("reading"));
  try {
    await check(await chosen.arrayBuffer(), head, isOver);
  } catch (error) {
    if (isOver()) return;
    if (error instanceof Unreadable && has(`what-${error.what}`))
      tell("bad", words("unreadable", { what: words(`what-${error.what}`, error) }));
    else tell("bad", words("unreachable"));
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  begin(file.files[0]);
});
file.addEventListener("change", () => begin(file.files[0]));
form.addEventListener("dragover", (event) => event.preventDefault());
form.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) file.files = event.dataTransfer.files;
  begin(file.files[0]);
});
// The code on a notice board leads here with the seal that stands beside it.
if (/^#[0-9a-f]{16,64}$/.test(location.hash)) noted.value = location.hash.slice(1);

// Checks a receipt as points/verify_receipt.py does: RFC 6962 hashing, then the published seals.
// A test compares what both say of every byte that can be changed.
const FORMAT = "linli-receipt-1";
const SEAL = { community: "text", number: "number", previous: "hash", root: "hash", sealed_at: "text", size: "number" };
const FIRST_PREVIOUS = "0".repeat(64); // what batch 1 is chained to
const LARGEST_FILE = 16 * 1024 * 1024;
const KINDS = {
  text: (value) => typeof value === "string" && !/\p{Surrogate}/u.test(value),
  number: (value) => Number.isSafeInteger(value) && value >= 0,
  hash: (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
  path: (value) => Array.isArray(value) && value.every(KINDS.hash),
};

/** What cannot be read: `what` is json, large, format or field. */
export class Unreadable extends Error {
  constructor(what, field = "") {
    super(what);
    this.what = what;
    this.field = field;
  }
}

function shaped(value, fields) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Unreadable("field", "seal");
  for (const [field, kind] of Object.entries(fields))
    if (!Object.hasOwn(value, field) || !KINDS[kind](value[field])) throw new Unreadable("field", field);
  return value;
}

/** Read the bytes of a file. Throws Unreadable. */
export function readReceipt(bytes) {
  if (bytes.byteLength > LARGEST_FILE) throw new Unreadable("large");
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Unreadable("json");
  }
  if (typeof value !== "object" || value === null || value.format !== FORMAT) throw new Unreadable("format");
  shaped(value, { leaf: "text", index: "number", path: "path", head: "hash" });
  shaped(value.seal, SEAL);
  if (value.index >= value.seal.size) throw new Unreadable("field", "index");
  return value;
}

// --- hashing ----------------------------------------------------------------------------------
async function sha256(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}
const hex = (bytes) => Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The root that a path leads to (RFC 9162, 2.1.3.2); null if the path has the wrong length. */
async function rootFromPath(leaf, index, size, path) {
  let node = await sha256(LEAF, new TextEncoder().encode(leaf));
  let at = 0;
  for (let last = size - 1; last; index = Math.floor(index / 2), last = Math.floor(last / 2)) {
    if (index % 2 === 0 && index >= last) continue;
    if (at === path.length) return null;
    const step = unhex(path[at++]);
    node = index % 2 ? await sha256(NODE, step, node) : await sha256(NODE, node, step);
  }
  return at === path.length ? hex(node) : null;
}

/** The head of a batch: the hash of its fields as JSON, in the order of their names. */
async function headOf(seal) {
  const fields = Object.fromEntries(Object.keys(SEAL).map((field) => [field, seal[field]]));
  return hex(await sha256(new TextEncoder().encode(JSON.stringify(fields))));
}

// --- checking: what is found wrong, as [code, details]; nothing if all is well ----------------
export async function wrongInItself(receipt) {
  const wrong = [];
  const root = await rootFromPath(receipt.leaf, receipt.index, receipt.seal.size, receipt.path);
  if (root === null) wrong.push(["path", {}]);
  else if (root !== receipt.seal.root) wrong.push(["root", {}]);
  if ((await headOf(receipt.seal)) !== receipt.head) wrong.push(["head", {}]);
  return wrong;
}

/** `seals` are the published ones from that of the receipt to the latest, in any order. */
export async function wrongWithPublished(receipt, seals) {
  const wrong = [];
  const byNumber = new Map();
  for (const seal of seals) {
    shaped(seal, { ...SEAL, head: "hash" });
    const other = byNumber.get(seal.number);
    if (other && other.head !== seal.head) wrong.push(["unchained", { number: seal.number }]);
    byNumber.set(seal.number, seal);
    if ((await headOf(seal)) !== seal.head) wrong.push(["published", { number: seal.number }]);
  }
  const { number } = receipt.seal;
  const theirs = byNumber.get(number);
  if (!theirs) return [...wrong, ["unpublished", { number }]];
  const ours = { ...receipt.seal, head: receipt.head };
  const fields = [...Object.keys(SEAL), "head"].filter((field) => ours[field] !== theirs[field]);
  if (fields.length) wrong.push(["differs", { number, fields: fields.join(", ") }]);
  if (number === 1 && theirs.previous !== FIRST_PREVIOUS) wrong.push(["unchained", { number }]);
  const latest = Math.max(...byNumber.keys());
  for (let next = number + 1; next <= latest; next++)
    if (byNumber.get(next)?.previous !== byNumber.get(next - 1)?.head) wrong.push(["unchained", { number: next }]);
  return wrong;
}

// What waits on this phone until there is signal: kept in IndexedDB, in the order it was noted.
const STORE = "waiting";

function open() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("linli", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "id", autoIncrement: true });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function within(mode, act) {
  const base = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = base.transaction(STORE, mode);
      const asked = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    base.close();
  }
}

/**
 * A list of one kind ("check-ins") and one owner. What is a person's own is theirs: whoever logs in to
 * a phone after somebody else sees nothing of it, and sends none of it. A shop's is its clerks'.
 */
export class Waiting {
  constructor(kind, owner) {
    this.kind = kind;
    this.owner = owner;
  }

  /** Keep a thing. Resolves once it is on disk: only then tell the person that nothing is lost. */
  async add(thing) {
    await within("readwrite", (store) => store.add({ kind: this.kind, owner: this.owner, thing }));
  }

  /** Everything that waits, oldest first: [{id, thing}]. */
  async all() {
    const every = await within("readonly", (store) => store.getAll());
    return every.filter((one) => one.kind === this.kind && one.owner === this.owner);
  }

  async replace(one) {
    await within("readwrite", (store) => store.put(one));
  }

  async remove(id) {
    await within("readwrite", (store) => store.delete(id));
  }
}

/** Call `send` now, whenever there is signal again, and every half minute; never twice at once. */
export function whenOnline(send) {
  let running = null;
  const once = () => (running ??= Promise.resolve(send()).finally(() => (running = null)));
  addEventListener("online", once);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && once());
  setInterval(once, 30_000);
  once();
  return once;
}

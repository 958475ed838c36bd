// What the page keeps: values that others follow, and a few that outlive the page.

/** Holds an object; `set` changes some of its fields and tells all who follow. */
export function store(initial) {
  let value = initial;
  const followers = new Set();
  return {
    get: () => value,
    set(changes) {
      const before = value;
      value = { ...value, ...changes };
      for (const follower of [...followers]) follower(value, before);
    },
    /** Calls at once and whenever it changed; returns how to stop. */
    follow(follower) {
      followers.add(follower);
      follower(value, value);
      return () => followers.delete(follower);
    },
  };
}

/** What the browser keeps for this origin; where it keeps nothing, what is kept until the page goes. */
export const kept = {
  get(name) {
    try {
      return localStorage.getItem(name) ?? (works ? null : (meanwhile.get(name) ?? null));
    } catch {
      return meanwhile.get(name) ?? null;
    }
  },
  set(name, value) {
    meanwhile.set(name, value);
    try {
      localStorage.setItem(name, value);
    } catch {
      // Blocked or full.
      works = false;
    }
  },
  remove(name) {
    meanwhile.delete(name);
    try {
      localStorage.removeItem(name);
    } catch {
      // Nothing was kept there.
    }
  },
};

const meanwhile = new Map();
let works = true;

// A value that others follow.

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

// What several pages' modules need.

/** Calls the API the way the registry expects a page to. Answers the response; throws only when none came. */
export async function api(method, path) {
  const headers = { "X-Requested-With": "XMLHttpRequest", Accept: "application/json" };
  const token = document.querySelector('meta[name="csrf-token"]');
  if (method !== "GET" && token) headers["X-CSRF-Token"] = token.content;
  const response = await fetch(path, { method, headers, credentials: "same-origin" });
  const next = response.headers.get("X-Next-CSRF-Token");
  if (next && token) token.content = next;
  return response;
}

/** The page at `path` as the server draws it now; nothing in it runs. Null when it can't be had. */
export async function redraw(path) {
  const response = await fetch(path, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (!response.ok) return null;
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

/** Says something to those who listen to the page. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** Shows what only works with scripts, below `root`. */
export function reveal(root) {
  for (const element of root.querySelectorAll("[data-script-only]")) element.hidden = false;
}

/** A value that this browser remembers; storage may be switched off. */
export const memory = {
  get(key) {
    try { return localStorage.getItem(key); } catch { return null; }
  },
  set(key, value) {
    try { localStorage.setItem(key, value); } catch { /* A browser without storage forgets: nothing is lost. */ }
  },
};

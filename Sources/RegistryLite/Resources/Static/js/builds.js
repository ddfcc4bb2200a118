// The build list looks for news while a build of it is running.
import { announce, redraw } from "./page.js";

const interval = 4000;

function words(row) { return row.querySelector(".phase-mark").textContent.trim(); }

async function look() {
  const section = document.getElementById("builds");
  if (document.hidden) return true;
  const fresh = (await redraw(location.href))?.getElementById("builds");
  // Signed out, or the repository has gone: the list stays as it was.
  if (!fresh) return false;
  const before = new Map([...section.querySelectorAll("[data-key]")].map((row) => [row.dataset.key, words(row)]));
  for (const row of fresh.querySelectorAll("[data-key]")) {
    const was = before.get(row.dataset.key);
    if (was !== words(row)) announce(`Build ${row.dataset.key.slice(0, 8)}: ${words(row)}`);
  }
  const focused = section.contains(document.activeElement) ? document.activeElement.closest("[data-key]")?.dataset.key : null;
  section.replaceWith(document.adoptNode(fresh));
  if (focused) fresh.querySelector(`[data-key="${CSS.escape(focused)}"] a`)?.focus();
  document.dispatchEvent(new Event("redrawn"));
  return fresh.dataset.running === "yes";
}

async function watch() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, interval));
    try {
      if (!(await look())) return;
    } catch {
      // The network is away: the next round tries again.
    }
  }
}
if (document.getElementById("builds")?.dataset.running === "yes") watch();

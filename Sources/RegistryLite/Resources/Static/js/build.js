// The build page: follows the log, redraws the state when it changes, and lets the reader find their way.
import { announce, api, memory, redraw, reveal } from "./page.js";
import { StreamRefused, readEvents } from "./event-stream.js";
import { append } from "./log-lines.js";
import { search } from "./log-search.js";

const log = document.getElementById("log");
const body = document.getElementById("log-body");
const end = document.getElementById("log-end");
let next = Number(log.dataset.next);
// A phase and its sentence a line: the words are the server's.
const phases = Object.fromEntries(log.dataset.phases.split("\n").map((line) => line.split(/ (.*)/, 2)));
const finder = search(document.getElementById("log-search"), document.getElementById("log-hits"), body);
const isOver = () => document.getElementById("build-state").dataset.over === "yes";

// The state is drawn by the server alone: the page takes its words from there.
let isRefreshing = false;
let refreshAgain = false;
async function refreshState() {
  if (isRefreshing) { refreshAgain = true; return; }
  isRefreshing = true;
  try {
    const fresh = (await redraw(`${log.dataset.path}?start=${next}`))?.getElementById("build-state");
    const old = document.getElementById("build-state");
    if (fresh) {
      if (fresh.dataset.phase !== old.dataset.phase) announce(fresh.dataset.said);
      const hadFocus = old.contains(document.activeElement);
      // What the reader opened stays open.
      for (const part of fresh.querySelectorAll("details[id]")) part.open = old.querySelector(`#${part.id}`)?.open ?? false;
      old.replaceWith(document.adoptNode(fresh));
      document.dispatchEvent(new Event("redrawn"));
      if (hadFocus) document.getElementById("main").focus();
      if (isOver()) end.textContent = "End of the log.";
    }
  } catch {
    // The network is away: the next change, or the next round, draws it.
  } finally {
    isRefreshing = false;
    if (refreshAgain) { refreshAgain = false; refreshState(); }
  }
}
setInterval(() => { if (!isOver() && !document.hidden) refreshState(); }, 5000);

// Following. It stops when the reader scrolls away and goes on by the button.
const followButton = document.getElementById("log-follow");
let follows = false;
let scrolledByUs = 0;
function setFollow(on) {
  follows = on;
  followButton.setAttribute("aria-pressed", String(on));
}
function showEnd() {
  scrolledByUs = performance.now();
  end.scrollIntoView({ block: "end" });
}
followButton.addEventListener("click", () => {
  setFollow(!follows);
  if (follows) showEnd();
});
addEventListener("scroll", () => {
  if (!follows || performance.now() - scrolledByUs < 250) return;
  if (end.getBoundingClientRect().top > innerHeight + 80) setFollow(false);
}, { passive: true });

// New entries are drawn once a frame, however fast they come.
let waiting = [];
let isDrawing = false;
function take(entries, position) {
  // What the page has already is passed over; a gap means that something was lost, and the stream begins again.
  const known = next + waiting.length;
  if (position > known) throw new Error(`entry ${position} came, ${known} was due`);
  waiting.push(...entries.slice(known - position));
  if (isDrawing) return;
  isDrawing = true;
  (document.hidden ? (draw) => setTimeout(draw, 100) : requestAnimationFrame)(() => {
    isDrawing = false;
    const batch = waiting;
    waiting = [];
    append(body, batch, next, phases);
    next += batch.length;
    finder.refresh();
    if (follows) showEnd();
    if (batch.some((entry) => entry.type === "phase" || entry.type === "error")) refreshState();
  });
}

/** What the stream and the API tell alike: `{start, logs}`, the stream with the build's phase beside them. */
function tell(part) {
  if (Array.isArray(part.logs) && part.logs.length > 0) take(part.logs, part.start);
  else if (part.phase && part.phase !== document.getElementById("build-state").dataset.phase) refreshState();
}

async function poll() {
  const response = await api("GET", `${log.dataset.api}/logs?start=${next}`);
  if (!response.ok) throw new StreamRefused(response.status);
  const part = await response.json();
  // Archived meanwhile: the server draws what is left.
  if (part.logs_url) location.replace(`${log.dataset.path}?start=${next}`);
  else tell(part);
}

async function follow() {
  let pause = 500;
  let streams = true;
  let hasEnded = false;
  while (!hasEnded) {
    const before = next;
    try {
      if (streams) {
        await readEvents(`${log.dataset.api}/logs?start=${next}`, undefined, (event) => {
          tell(JSON.parse(event.data));
          if (event.event === "end") hasEnded = true;
        });
      } else {
        await poll();
        hasEnded = isOver() && next + waiting.length === before;
      }
    } catch (error) {
      if (error instanceof StreamRefused) {
        if ([401, 403, 404].includes(error.status)) {
          end.textContent = "The log can’t be followed any more. Reload the page.";
          return;
        }
        // Something on the way doesn't let streams through.
        streams = !streams;
      }
    }
    pause = next > before ? 500 : Math.min(pause * 2, 8000);
    if (!hasEnded) await new Promise((resolve) => setTimeout(resolve, pause));
  }
  refreshState();
}

// Timestamps and folding.
const timesButton = document.getElementById("log-times");
function setTimes(on) {
  log.classList.toggle("times", on);
  timesButton.setAttribute("aria-pressed", String(on));
}
setTimes(memory.get("times") === null ? innerWidth > 736 : memory.get("times") === "on");
timesButton.addEventListener("click", () => {
  setTimes(!log.classList.contains("times"));
  memory.set("times", log.classList.contains("times") ? "on" : "off");
});
const foldButton = document.getElementById("log-fold");
foldButton.addEventListener("click", () => {
  const opens = foldButton.textContent === "Unfold all";
  for (const part of body.querySelectorAll("details")) part.open = opens;
  foldButton.textContent = opens ? "Fold all" : "Unfold all";
});

// A line's address: opens the part around it; a line that this page doesn't hold is fetched by position.
function showTarget() {
  const match = /^#L(\d+)$/.exec(location.hash);
  if (!match) return false;
  const row = document.getElementById(`L${match[1]}`);
  if (row) {
    row.closest("details").open = true;
    row.scrollIntoView({ block: "center" });
    setFollow(false);
  } else if (Number(match[1]) <= next) {
    location.replace(`${log.dataset.path}?start=${Math.max(0, Number(match[1]) - 200)}${location.hash}`);
  }
  return true;
}
addEventListener("hashchange", showTarget);

// Cancelling.
const dialog = document.getElementById("cancel");
const failure = document.getElementById("cancel-failure");
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-cancel]")) return;
  failure.hidden = true;
  dialog.returnValue = "";
  dialog.showModal();
});
dialog.querySelector("form").addEventListener("submit", async (event) => {
  if (event.submitter?.value !== "yes") return;
  event.preventDefault();
  event.submitter.disabled = true;
  try {
    const response = await api("DELETE", log.dataset.api);
    if (response.ok) {
      dialog.close();
      refreshState();
      return;
    }
    const answer = await response.json().catch(() => ({}));
    failure.textContent = answer.error_message ?? answer.detail ?? answer.error ?? `The server answered ${response.status}.`;
    failure.hidden = false;
  } catch {
    failure.textContent = "The server can’t be reached.";
    failure.hidden = false;
  } finally {
    event.submitter.disabled = false;
  }
});

document.addEventListener("page-key", (event) => {
  const acts = {
    f: () => followButton.click(), t: () => timesButton.click(), o: () => foldButton.click(),
    n: () => finder.next(), p: () => finder.previous(),
  };
  acts[event.detail]?.();
});

reveal(document);
// The state stays in view until the first new line comes.
if (!showTarget() && !isOver()) setFollow(true);
if (!isOver()) follow();

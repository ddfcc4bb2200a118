// Reads Server-Sent Events over fetch: unlike EventSource it can send the header that the API wants of browsers.

/** Calls `take({event, id, data})` for each event until the stream ends. Throws when it breaks or is refused. */
export async function readEvents(path, signal, take) {
  const response = await fetch(path, {
    headers: { Accept: "text/event-stream", "X-Requested-With": "XMLHttpRequest" },
    credentials: "same-origin", cache: "no-store", signal,
  });
  if (!response.ok) throw new StreamRefused(response.status);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = { event: "message", id: null, data: [] };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data.length > 0 || event.event !== "message") take({ ...event, data: event.data.join("\n") });
        event = { event: "message", id: null, data: [] };
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const name = colon < 0 ? line : line.slice(0, colon);
      const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (name === "data") event.data.push(text);
      else if (name === "event") event.event = text;
      else if (name === "id") event.id = text;
    }
  }
}

/** The server answered, and not with a stream. */
export class StreamRefused extends Error {
  constructor(status) {
    super(`The server answered ${status}.`);
    this.status = status;
  }
}

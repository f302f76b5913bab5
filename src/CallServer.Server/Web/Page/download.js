// Saves an answer as a file. A link could not bring the token along, so the page reads the answer and hands it over.

import { Problem, send } from "./api.js";

const TYPES = { csv: "text/csv", ndjson: "application/x-ndjson" };

/** Downloads a path in this format; the button says how far it is, and stops it when it is pressed again. */
export async function download(path, format, button) {
  if (button.stop) return button.stop();
  const aborting = new AbortController();
  button.stop = () => aborting.abort();
  const name = button.textContent;
  try {
    const answer = await send("GET", path, {
      headers: { Accept: TYPES[format] },
      signal: aborting.signal,
    });
    const parts = [];
    let octets = 0;
    for await (const part of answer.body) {
      parts.push(part);
      octets += part.length;
      button.textContent = `${name}: ${(octets / 1e6).toFixed(1)} MB, press to stop`;
    }

    save(
      new Blob(parts, { type: TYPES[format] }),
      `cdrs-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${format}`,
    );
    button.textContent = name;
  } catch (fault) {
    button.textContent =
      fault.name === "AbortError"
        ? name
        : `${name}: ${fault instanceof Problem ? fault.message : "broke off"}`;
  } finally {
    button.stop = null;
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

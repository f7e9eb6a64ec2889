// A guest in forty lines for tests of cells: the contract of schema/guest-contract.ts with none of the walls and none of the API.
// An addon's exports are handlers by event name: they get (text, attachments, api) and return changes, a promise of them, or
// nothing. `returnAttachments` and friends are asked for through `api`; `api.joined` is 1, or more where others share the entry.

/** The script that runs first in each isolate. */
export const standInGuest = `
(() => {
  const post = $post; delete globalThis.$post; const done = $done; delete globalThis.$done; const body = $body; delete globalThis.$body;
  let factory; globalThis.$module = (f) => { factory = f; };
  const exports = {}; const attachments = new Map(); const waiting = new Map(); let nextHostCall = 1; let settings; let joined = 1;
  const ascii = (value) => JSON.stringify(value).replace(/[\\u007f-\\uffff]/g, (c) => "\\\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  const failed = (error) => "30;" + ascii({ code: error && error.code || "threw", message: String(error && error.message), stack: String(error && error.stack) });
  const ask = (call) => new Promise((resolve, reject) => { const id = nextHostCall++; waiting.set(id, { resolve, reject }); post("hostCall", id, ascii(call)); });
  const write = (value, buffers) => value === undefined ? "0" : "1" + buffers.length + ";" + ascii(value);
  const entries = {
    prepare: (text) => { settings = JSON.parse(text); return "0"; },
    load: () => {
      try { factory(exports, { exports }, undefined); } catch (error) { return failed(error); }
      return "10;" + ascii({ handlers: Object.keys(exports), warnings: [], manifest: exports.manifest ?? null });
    },
    dispatch: (call, released, text, ...given) => {
      const out = []; const buffers = given.map((item, index) => (typeof item === "number" ? body(call, index) : item));
      const api = { call, released, post, settings, joined, attach: (b) => { out.push(b); return out.length - 1; }, log: (msg) => post("hostCall", nextHostCall++, ascii({ call: "log", level: "info", msg })), sleep: (ms) => ask({ call: "timer.set", ms }) };
      try {
        const event = JSON.parse(text.split("\\0", 1)[0]).event;
        const result = exports[event](text, buffers, api);
        if (result instanceof Promise) {
          result.then((value) => post("settled", call, write(value, out), ...out), (error) => post("settled", call, failed(error)));
          return "2";
        }
        if (out.length > 0) attachments.set(call, out);
        return write(result, out);
      } catch (error) { return failed(error); }
    },
    dispatchMany: (calls, released, bodies, ...pieces) => {
      const list = JSON.parse(calls);
      let at = 0; let piece = 0; let body = 0; let keys = released;
      for (;;) {
        const [id, parts, count] = list.slice(at, at + 3);
        const buffers = list.slice(at + 3, at + 3 + count).map((size) => bodies.slice(body, body += size));
        at += 3 + count;
        joined = at === 3 + count && at >= list.length ? 1 : 2;
        const result = entries.dispatch(id, keys, pieces.slice(piece, piece += parts).join(""), ...buffers);
        joined = 1; keys = "";
        if (at >= list.length || result === "2") return result;
        done(result, ...(attachments.get(id) ?? []));
      }
    },
    resume: (id, text, ...buffers) => {
      const answer = JSON.parse(text); const waiter = waiting.get(id); waiting.delete(id);
      if (waiter) { if (answer.error === null) waiter.resolve(answer.value); else waiter.reject(new Error(answer.error)); }
      return "0";
    },
    rejected: () => "",
    attachment: (call, index) => attachments.get(call)[index],
  };
  globalThis.$guest = entries;
})();
`;

/** A bundle as the compiler makes it, of a module body in CommonJS. */
export const bundleOf = (body: string): Buffer => Buffer.from(`$module(function (exports, module, require) {\n${body}\n})`, "latin1");

/** The text of an event without parts. */
export const eventText = (event: string, ...parts: readonly (readonly [name: string, text: string])[]): string =>
  [JSON.stringify({ event, key: 1, parts: parts.map(([name]) => name) }), ...parts.map(([, text]) => text)].join("\0");

// The text of a request event with its head, as the host writes it for the real guest, for tests of cells that need many flows.

/** Of the flow with that key; its method, path and fields follow from `n`. */
export const flowText = (key: number, n: number): string => {
  const fields = [`Host: example.com`, `x-n: ${n}`, ...Array.from({ length: n % 9 }, (_, at) => `X-Field-${at}: value ${at} of ${n}`)];
  const flow = JSON.stringify({ id: `f${n}`, type: "http", live: true, error: null, intercepted: false, marked: "", comment: "", isReplay: null, timestampCreated: 1, websocket: false });
  const head = JSON.stringify({ method: "GET", scheme: "https", host: "example.com", port: 443, path: `/${n}?a=1`, authority: "", httpVersion: "HTTP/1.1", timestampStart: 1, timestampEnd: 2 });
  return [JSON.stringify({ event: "request", key, parts: ["flow", "request"] }), flow, `${head}\n${fields.length}\n${fields.map((line) => `${line}\r\n`).join("")}`].join("\0");
};

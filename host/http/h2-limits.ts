// Every number that bounds what an HTTP/2 connection may cost, with unit and reason, for both sides. What node:http2 and nghttp2 bound
// by themselves (frame sizes, CONTINUATION frames, queued acknowledgements) is not repeated. Deadlines are in net/proxy-timeouts.ts.

interface LimitRow {
  readonly value: number;
  readonly unit: "bytes" | "fields" | "streams" | "frames" | "frames per second" | "MB";
  readonly reason: string;
}

export const h2LimitTable = {
  streams: { value: 100, unit: "streams", reason: "LIMIT: requests under way on one connection; RFC 9113 §6.5.2 asks for 100 at least, browsers use no more" },
  streamWindowBytes: { value: 262_144, unit: "bytes", reason: "LIMIT: what one stream may send ahead of its reader, and so what a slow reader costs; 64 KiB would hold a distant server to little more than 1 MB/s" },
  connectionWindowBytes: { value: 1_048_576, unit: "bytes", reason: "LIMIT: on its way on one connection; it is credited at once, so that one stream that is not read stops no other" },
  headBytes: { value: 65_536, unit: "bytes", reason: "LIMIT: as HTTP/1's; names and values after decompression, with 32 for each field (RFC 9113 §6.5.2)" },
  fields: { value: 1_000, unit: "fields", reason: "LIMIT: as HTTP/1's; Node's 128 is less than the cookies of some pages, each a field here" },
  sentHeadBytes: { value: 262_144, unit: "bytes", reason: "LIMIT: more than any head we take can grow to; nghttp2 would end the connection over a larger one" },
  sessionMegabytes: { value: 16, unit: "MB", reason: "LIMIT: what nghttp2 and Node may hold for one connection, bodies on their way to a slow reader included" },
  invalidFrames: { value: 100, unit: "frames", reason: "LIMIT: frames that are legal but pointless, such as empty DATA; Node's 1,000 is for old servers" },
  rejectedStreams: { value: 100, unit: "streams", reason: "LIMIT: streams opened beyond the limit; a client learns it with the first bytes" },
  resetBurst: { value: 200, unit: "streams", reason: "LIMIT: requests that a client takes back (CVE-2023-44487); a browser that leaves a page resets what it had open" },
  resetsPerSecond: { value: 20, unit: "frames per second", reason: "LIMIT: the same, in the long run" },
  pingBurst: { value: 1_000, unit: "frames", reason: "LIMIT: gRPC measures with PINGs while data moves (CVE-2019-9512)" },
  pingsPerSecond: { value: 200, unit: "frames per second", reason: "LIMIT: the same, in the long run" },
  settingsBurst: { value: 20, unit: "frames", reason: "LIMIT: honest peers send one or two (CVE-2019-9515)" },
  settingsPerSecond: { value: 1, unit: "frames per second", reason: "LIMIT: the same, in the long run" },
} as const satisfies Record<string, LimitRow>;

/** Error codes of RFC 9113 §7 that are named in the code. */
export const h2Codes = { noError: 0, protocolError: 1, internalError: 2, flowControlError: 3, frameSizeError: 6, refusedStream: 7, cancel: 8, compressionError: 9, enhanceYourCalm: 11, http11Required: 13 } as const;

const names = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"] as const;

/** The name of an error code, for people. */
export const h2CodeName = (code: number): string => names[code] ?? `error ${code}`;

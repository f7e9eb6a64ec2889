// Every number that bounds what a WebSocket may cost where its messages are looked at, with reasons. How large a message may be the
// operator says (schema/limits.ts, websocketMessageBytes); deadlines are in net/proxy-timeouts.ts.

interface LimitRow { readonly value: number; readonly unit: "fragments" | "pieces" | "bytes" | "events"; readonly reason: string }

export const webSocketLimits = {
  fragments: { value: 16_384, unit: "fragments", reason: "LIMIT: of one message; each costs memory whatever its size, an empty one too" },
  pieces: { value: 32_768, unit: "pieces", reason: "LIMIT: reads that one unfinished frame may come in; each costs memory, were it a single byte. 8 MiB in the packets of a slow network are 6,000" },
  sliceBytes: { value: 16_384, unit: "bytes", reason: "LIMIT: parsed at once: as many as 8,000 messages, which wait until they are taken" },
  turnEvents: { value: 64, unit: "events", reason: "LIMIT: from one side before the other has its turn" },
} as const satisfies Record<string, LimitRow>;

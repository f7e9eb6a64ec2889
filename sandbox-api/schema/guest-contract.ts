// The contract between the runtime (outside an isolate) and the guest bootstrap (inside): which functions each finds on the other
// side and how results are written as one string. Types and the string form only; both sides implement it. Every call into the
// guest is a timed `applySync`; only strings, numbers and ArrayBuffers cross (spec: sandbox.md §1 rule 1).

/** What `$post` throws once an entry has used up its host calls. That entry is over, whatever it does then, so that nobody needs to ask again. */
export const noCallsLeft = "too many calls to the host";

/**
 * The guest bundle is a script. Before it runs, the runtime has set `$post`, `$done`, `$part`, `$native`, `$text` and `$body` on the global; the bundle takes them, deletes them, locks
 * the global down and leaves `$guest`, which the runtime takes as references and deletes before any addon code is compiled.
 */
export interface RuntimePorts {
  /** Queues a message to the cell; never answers. Throws once the entry has used up its host calls. What settles a call may bring texts as attachments, which count as UTF-8. */
  readonly $post: (kind: PostKind, id: number, text: string, ...attachments: (ArrayBuffer | string)[]) => void;
  /** The result string of the call of `dispatchMany` that ran, with its bodies: the next one begins. PERF: one string is all that most events need. */
  readonly $done: (result: string, ...attachments: (ArrayBuffer | string)[]) => void;
  /**
   * Runs the script of a part of the guest (schema/own-builds.ts) in this isolate, at once: it calls `$keep`, which the guest has put
   * on the global for it, and nothing else. Throws when there is no such part, or it was asked for too often.
   */
  readonly $part: (name: string) => void;
  /** Does one of the operations of runtime/native at once; counts as CPU time of the entry. Throws an Error that says why it cannot be. */
  readonly $native: (name: string, settingsJson: string, ...buffers: ArrayBuffer[]) => ArrayBuffer;
  /**
   * The text of a buffer, or the bytes of a text (runtime/native/text.ts); likewise CPU time of the entry. Null where there is none that
   * says exactly the same, or it is too large. A number: the text of that call's body of that index, as it came; null unless that call runs.
   */
  readonly $text: (form: TextForm, given: ArrayBuffer | string | number, index?: number) => string | ArrayBuffer | null;
  /** A copy of what lies beside that call; likewise. */
  readonly $body: (call: number, index: number) => ArrayBuffer | null;
}

/** LIMIT: bytes, or characters, of one call of `$text`, and characters of a text that leaves as an attachment: what takes longer nothing could interrupt. */
export const mostTextBytes = 8 * 1024 * 1024;

/** How bytes can be text: latin1 is a byte string, one character for each byte; utf-16le may have lone surrogates, utf-8 none. */
export const textForms = ["utf-8", "latin1", "utf-16le"] as const;
export type TextForm = (typeof textForms)[number];

/** `settled`: a pending call's result (id = call id, text = result string). `hostCall`: id = HostCallId, text = HostCallText. */
export type PostKind = "settled" | "hostCall";

export interface GuestEntries {
  /**
   * `settingsJson` is LoadText (wire/messages.ts). Called once, before the addon's script is run. The addon is one script in the
   * form `$module(function (exports, module, require) { … })`, run by the runtime with a timeout; `$module` only keeps the function.
   */
  readonly prepare: (settingsJson: string) => string;
  /** Runs the module body; result text is LoadedText. */
  readonly load: () => string;
  /**
   * Runs one event (schema/view.ts). `releasedKeys`: comma-separated ObjectKeys that ended since the last entry, or "". A number in place of
   * an attachment: so many bytes, to be had by `$body` and `$text` until the entry ends.
   */
  readonly dispatch: (callId: number, releasedKeys: string, text: string, ...attachments: (ArrayBuffer | number)[]) => string;
  /**
   * Runs events one after the other, as if each had been dispatched by itself. `calls`: JSON of [callId, number of pieces of its text, number of its bodies,
   * bytes of each, …]; `bodies`: those of all, joined, or nothing where there are none; `pieces`: those of all. Each result but that of the last one that ran goes out by `$done`, that one's is returned: of the last in the list, of one that is
   * pending (its promise must settle in an entry of its own event), or of one with which the entry has taken long enough.
   */
  readonly dispatchMany: (calls: string, releasedKeys: string, bodies: ArrayBuffer | undefined, ...pieces: string[]) => string;
  /** Answers a host call; text is ResumeText. Result is "0" or a fault. */
  readonly resume: (hostCallId: number, text: string, ...attachments: ArrayBuffer[]) => string;
  /**
   * Tells of the promise for which the engine threw away what the last entry returned; `reasonJson` is RejectionReason. The result is
   * what that entry returned, or "" when no listener prevented that the entry counts as failed.
   */
  readonly rejected: (reasonJson: string) => string;
  /** Attachment `index` of the result of `callId` (0 for `load`), once; made by the bootstrap, so that it is a plain ArrayBuffer. */
  readonly attachment: (callId: number, index: number) => ArrayBuffer;
  /** Used bytes of everything the guest keeps for pending calls is in the isolate heap; nothing to free outside. */
}

/** Why a promise was rejected, as far as the engine tells: an error with the addon's part of its stack, or a plain value. */
export type RejectionReason = { readonly name: string; readonly message: string; readonly stack: string } | { readonly value?: string | number | boolean | null };

/**
 * Result string: status digit (wire/messages.ts `resultStatus`), then for `changed` and `failed` the number of attachments, ";" and
 * the text. "0" = unchanged, "2" = pending, `10;[…]` = changes without attachments, `30;{…}` = fault.
 */
export interface GuestResult { readonly status: number; readonly attachments: number; readonly text: string }

/** Reads a result string; null when it is none. */
export function readGuestResult(result: unknown): GuestResult | null {
  if (typeof result !== "string" || result.length === 0) return null;
  const status = result.charCodeAt(0) - 48;
  if (status < 0 || status > 4) return null;
  if (result.length === 1) return { status, attachments: 0, text: "" };
  const end = result.indexOf(";");
  if (end < 2 || end > 6) return null;
  const attachments = Number(result.slice(1, end));
  return Number.isInteger(attachments) && attachments >= 0 ? { status, attachments, text: result.slice(end + 1) } : null;
}

export function writeGuestResult(status: number, attachments: number, text: string): string {
  return text === "" && attachments === 0 ? String(status) : `${status}${attachments};${text}`;
}

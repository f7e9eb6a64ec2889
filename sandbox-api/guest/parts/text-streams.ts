// TextEncoderStream and TextDecoderStream (WHATWG Encoding §7.6), and the shape that they share with CompressionStream: a pair of
// streams around a transformer.
import { TransformStream, type Transformer } from "web-streams-polyfill";
import { bytesOf } from "./bytes.ts";
import { describe, text } from "./idl.ts";
import { RealTypeError, charCodeAt, slice } from "./intrinsics.ts";

/** What the encodings part gives. */
interface Encodings { readonly TextDecoder: new (label: unknown, options: unknown) => { readonly encoding: string; readonly fatal: boolean; readonly ignoreBOM: boolean; decode(bytes?: Uint8Array, options?: object): string } }

/** Two ends of one transformer. */
export class GenericTransform {
  readonly #stream: TransformStream;
  constructor(transformer: Transformer) {
    this.#stream = new TransformStream(transformer);
  }
  get readable(): unknown { return this.#stream.readable; }
  get writable(): unknown { return this.#stream.writable; }
}

export class TextEncoderStream {
  readonly #transform: GenericTransform;
  constructor() {
    let lead = "";
    const encode = (chunk: string): Uint8Array => $kernel.encodeUtf8(chunk, false);
    this.#transform = new GenericTransform({
      transform: (chunk, controller) => {
        const given = lead + text(chunk);
        const last = given.length === 0 ? 0 : charCodeAt(given, given.length - 1);
        const isSplit = last >= 0xd800 && last <= 0xdbff;
        lead = isSplit ? slice(given, given.length - 1) : "";
        const whole = isSplit ? slice(given, 0, given.length - 1) : given;
        if (whole !== "") controller.enqueue(encode(whole));
      },
      flush: (controller) => {
        if (lead !== "") controller.enqueue(encode(lead));
      },
    });
  }
  get encoding(): "utf-8" {
    return this.#transform === undefined ? "utf-8" : "utf-8";
  }
  get readable(): unknown { return this.#transform.readable; }
  get writable(): unknown { return this.#transform.writable; }
}
describe(TextEncoderStream, "TextEncoderStream");

export class TextDecoderStream {
  readonly #transform: GenericTransform;
  readonly #decoder: InstanceType<Encodings["TextDecoder"]>;
  constructor(label: unknown = "utf-8", options?: unknown) {
    const { TextDecoder } = $kernel.part("encoding") as object as Encodings;
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    this.#transform = new GenericTransform({
      transform: (chunk, controller) => {
        const bytes = bytesOf(chunk);
        if (bytes === null) throw new RealTypeError("a chunk must be an ArrayBuffer or a view of one");
        const decoded = decoder.decode(bytes, { stream: true });
        if (decoded !== "") controller.enqueue(decoded);
      },
      flush: (controller) => {
        const decoded = decoder.decode();
        if (decoded !== "") controller.enqueue(decoded);
      },
    });
  }
  get encoding(): string { return this.#decoder.encoding; }
  get fatal(): boolean { return this.#decoder.fatal; }
  get ignoreBOM(): boolean { return this.#decoder.ignoreBOM; }
  get readable(): unknown { return this.#transform.readable; }
  get writable(): unknown { return this.#transform.writable; }
}
describe(TextDecoderStream, "TextDecoderStream");
$kernel.intrinsics.define(TextDecoderStream, "length", 0, false);

// Part "streams": the Streams Standard by web-streams-polyfill, and the text streams of Encoding on top. What differs is in the
// polyfill's hands; what it asks of its surroundings (AbortController, DOMException) is ours.
import {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream, ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController,
  ReadableStreamDefaultReader, TransformStream, TransformStreamDefaultController, WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter,
} from "web-streams-polyfill";

export { TextDecoderStream, TextEncoderStream } from "./text-streams.ts";
export {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream, ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController,
  ReadableStreamDefaultReader, TransformStream, TransformStreamDefaultController, WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter,
};

// The polyfill's asynchronous iterators inherit from nothing that the language knows.
const asyncIterators = $kernel.intrinsics.getPrototypeOf($kernel.intrinsics.getPrototypeOf((async function* () {}).prototype) as object) as object;
$kernel.intrinsics.setPrototypeOf($kernel.intrinsics.getPrototypeOf(new ReadableStream().values()) as object, asyncIterators);

const refuseCopy = (): null => null;
for (const type of [ReadableStream, WritableStream, TransformStream]) $kernel.intrinsics.weakSet($kernel.interfaces, type.prototype, refuseCopy);

/** What is done with one chunk, with the end, with an error: one of them is called once. */
interface ReadSteps { _chunkSteps(chunk: unknown): void; _closeSteps(): void; _errorSteps(error: unknown): void }
interface Inner { _disturbed: boolean; readonly _state: "readable" | "closed" | "errored"; readonly _storedError: unknown; readonly _readableStreamController: { readonly [key: symbol]: (steps: ReadSteps) => void } }

/** The library's own name for "pull steps". */
const pullSteps = Object.getOwnPropertySymbols(ReadableStreamDefaultController.prototype).find(({ description }) => description === "[[PullSteps]]")!;

/** ReadableStreamDefaultReaderRead, as the library does it for itself: a read without a promise, for a stream that the caller has locked. */
export function readChunk(stream: object, steps: ReadSteps): void {
  const inner = stream as Inner;
  inner._disturbed = true;
  if (inner._state === "closed") steps._closeSteps();
  else if (inner._state === "errored") steps._errorSteps(inner._storedError);
  else inner._readableStreamController[pullSteps]!(steps);
}

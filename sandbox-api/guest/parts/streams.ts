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

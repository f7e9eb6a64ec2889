// Part "multibyte": decoders for the encodings of East Asia, with their tables. Reached by the part "encoding" only.
export { createMultibyteDecoder } from "@exodus/bytes/multi-byte.js";

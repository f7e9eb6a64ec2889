// Part "blob": Blob, File (W3C File API) and FormData (XMLHttpRequest §5). A blob is its bytes, in the isolate's own memory.
export { Blob, blobBytes, File } from "./file.ts";
export { FormData, formEntries, newFormData } from "./form-data.ts";

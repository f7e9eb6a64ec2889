// The guest's private copies of built-ins, for parts: those taken before any addon code existed, not what the addon may have made of
// them since. A part that imports ../intrinsics.ts itself would take its own copies too late.
const copies: typeof import("../intrinsics.ts") = $kernel.intrinsics;

export const {
  apply, assign, construct, ownKeys, freeze, defineProperty, getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf, objectPrototype, isArray, floor, min, max,
  isInteger, isFinite, isNaN, dateNow, fromCharCode, RealTypeError, RealRangeError, RealError, RealMap, RealSet, RealWeakMap, RealPromise, RealDate, RealUint8Array, RealArrayBuffer,
  iteratorSymbol, toStringTagSymbol, indexOf, slice, charCodeAt, toLowerCase, toUpperCase, trim, exec, hasOwn, isEnumerable, mapGet, mapSet, RealWeakRef, deref, jsonParse, mapHas, mapDelete, mapForEach, mapSize,
  setAdd, setHas, setForEach, setSize, weakGet, weakSet, typedArrayTag, byteLengthOf, byteOffsetOf, bufferOf, typedLengthOf, bufferByteLength, dataViewByteLength, dataViewByteOffset, dataViewBuffer,
  copyInto, dateTime, bareArray, ordinaryArray, define, isObject, isFunction,
} = copies;

// Part "events": DOMException, events and their targets, and aborting.
export { abort, AbortController, AbortSignal, abortReason, follow, isAborted, isSignal, newSignal, whenAborted } from "./abort.ts";
export { DOMException, isDomException } from "./dom-exception.ts";
export { CustomEvent, ErrorEvent, Event, PromiseRejectionEvent } from "./event.ts";
export { EventTarget } from "./event-target.ts";
export { addEventListener, attributes, dispatchEvent, removeEventListener, reportException, reportRejection } from "./global-target.ts";

// The entry of a cell that its guest has taken over: the real runtime, with its way to the host in other hands (lies.ts). The order of the
// imports is the point: the runtime finds `writeSync` already replaced. For the arena only.
import "./lies.ts";
import "../../runtime/main.ts";

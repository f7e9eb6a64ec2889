// What `next_layer` may return, as opaque frozen objects. The host decides whether and how to follow the choice.
import type { LayerKind } from "../schema/changes.ts";
import { RealWeakMap, expose, freeze, isObject, weakGet, weakSet } from "./intrinsics.ts";

/** A choice for `next_layer`; made by `layers`. */
export class LayerChoice {
  /** Keeps other objects from being taken for a choice by the compiler. */
  readonly #isChoice = true;
  /** Whether a value is one of ours. */
  static is(value: unknown): value is LayerChoice {
    return isObject(value) && #isChoice in value;
  }
}
expose(LayerChoice, "LayerChoice");

const kinds = new RealWeakMap<LayerChoice, LayerKind>();

function choice(kind: LayerKind): LayerChoice {
  const layer = new LayerChoice();
  freeze(layer);
  weakSet(kinds, layer, kind);
  return layer;
}

/** The kind of a choice; `null` for whatever is none. */
export const layerKind = (value: unknown): LayerKind | null => (LayerChoice.is(value) ? weakGet(kinds, value) ?? null : null);

/** What `next_layer` may return. */
export interface Layers {
  /** Raw bytes with `tcp_message` events. */
  tcp(): LayerChoice;
  /** Terminate TLS with a certificate of the proxy's own. */
  tls(): LayerChoice;
  /** HTTP, of the version that the first bytes show. */
  http(): LayerChoice;
  /** Raw relay with the original certificate and no further events. */
  passthrough(): LayerChoice;
  /** Close the connection. */
  close(): LayerChoice;
}

const tcp = choice("tcp");
const tls = choice("tls");
const http = choice("http");
const passthrough = choice("passthrough");
const close = choice("close");

/** The protocols that `next_layer` may choose. */
export const layers: Layers = freeze<Layers>({ tcp: () => tcp, tls: () => tls, http: () => http, passthrough: () => passthrough, close: () => close });

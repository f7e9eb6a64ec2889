// Leaves some hosts' TLS alone: they keep their own certificate and the proxy sees nothing of the content. For apps that pin
// certificates, and for what is none of your business. `--set passthrough=*.bank.example,pinned.example`
import { layers, type Layer, type LayerChoice, type Options } from "flowcell";

let patterns: readonly string[] = ["*.bank.example"];

export function configure(options: Options): void {
  const list = options["passthrough"];
  if (typeof list === "string") patterns = list.split(",").map((pattern) => pattern.trim().toLowerCase());
}

function matches(host: string): boolean {
  return patterns.some((pattern) => (pattern.startsWith("*.") ? host.endsWith(pattern.slice(1)) : host === pattern));
}

export function next_layer(layer: Layer): LayerChoice | undefined {
  const sni = layer.clientHello?.sni;
  return layer.name === "tls" && sni != null && matches(sni.toLowerCase()) ? layers.passthrough() : undefined;
}

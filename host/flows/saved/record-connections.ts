// The two connections of a saved flow, read from JSON: the shapes of schema/view.ts, checked. It writes nothing: they are saved as they are.
import { isPort } from "../../../sandbox-api/schema/http.ts";
import type { AddressView, ClientView, ServerView } from "../../../sandbox-api/schema/view.ts";
import { oneOf, optional, plain, ShapeProblem, text, timestamp, truth, type Plain } from "./shape.ts";

export function readClient(value: unknown, place: string): ClientView {
  const client = plain(value, place);
  return {
    id: text(client["id"], `${place}.id`), address: address(client["address"], `${place}.address`), sockname: address(client["sockname"], `${place}.sockname`), mode: text(client["mode"], `${place}.mode`),
    ...tlsFacts(client, place), timestampStart: timestamp(client["timestampStart"], `${place}.timestampStart`), timestampEnd: optional(client["timestampEnd"], `${place}.timestampEnd`, timestamp),
  };
}

export function readServer(value: unknown, place: string): ServerView {
  const server = plain(value, place);
  const time = (name: string): number | null => optional(server[name], `${place}.${name}`, timestamp);
  return {
    id: text(server["id"], `${place}.id`), address: optional(server["address"], `${place}.address`, address), via: optional(server["via"], `${place}.via`, via),
    peername: optional(server["peername"], `${place}.peername`, address), sockname: optional(server["sockname"], `${place}.sockname`, address), ...tlsFacts(server, place),
    timestampStart: time("timestampStart"), timestampTcpSetup: time("timestampTcpSetup"), timestampEnd: time("timestampEnd"), error: optional(server["error"], `${place}.error`, (error, at) => text(error, at)),
  };
}

type TlsFacts = Pick<ClientView, "tls" | "sni" | "alpn" | "tlsVersion" | "cipher" | "timestampTlsSetup">;

function tlsFacts(connection: Plain, place: string): TlsFacts {
  const word = (name: string): string | null => optional(connection[name], `${place}.${name}`, (value, at) => text(value, at));
  return {
    tls: truth(connection["tls"], `${place}.tls`), sni: word("sni"), alpn: word("alpn"), tlsVersion: word("tlsVersion"), cipher: word("cipher"),
    timestampTlsSetup: optional(connection["timestampTlsSetup"], `${place}.timestampTlsSetup`, timestamp),
  };
}

function address(value: unknown, place: string): AddressView {
  const { host, port } = plain(value, place);
  // A socket that was gone before it was asked has no address: port 0.
  if (!isPort(port) && port !== 0) throw new ShapeProblem(`${place}.port is no port`);
  return { host: text(host, `${place}.host`), port };
}

function via(value: unknown, place: string): NonNullable<ServerView["via"]> {
  return { ...address(value, place), scheme: oneOf(plain(value, place)["scheme"], `${place}.scheme`, ["http", "https"]) };
}

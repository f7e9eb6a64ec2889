// Client and server connections as addons see them, the root layer that holds both, and the proposal of `next_layer`. Reading
// parses the part; the few writable attributes check and record. Who may change what is decided by the event (draft.ts).
import type { Address, Via } from "../schema/changes.ts";
import { isHost, isPort } from "../schema/http.ts";
import type { AddressView, ClientHelloView, ClientView, LayerView, RootView, ServerView } from "../schema/view.ts";
import { attachedBytes, noAttachments, type Attachments } from "./body.ts";
import { encodeText } from "./byte-string.ts";
import { beginWrite, type Call, type Changes, type Draftable, type Owner } from "./draft.ts";
import { absent } from "./grants.ts";
import { expose, freeze, isObject, jsonParse, RealUint8Array } from "./intrinsics.ts";
import { readMember } from "./iterate.ts";
import { quoteAscii } from "./json-text.ts";
import { refuse } from "./thrown.ts";

const frozenAddress = (address: AddressView | null): AddressView | null => (address === null ? null : freeze<AddressView>({ host: address.host, port: address.port }));

/** A part that is read only: text until touched. */
export class ViewState<V> {
  #text = "";
  #view: V | null = null;
  accept(text: string): void {
    this.#text = text;
    this.#view = null;
  }
  /** Shows what `other` shows. */
  assumeView(other: ViewState<V>): void {
    this.#text = other.#text;
    this.#view = null;
  }
  get isKnown(): boolean {
    return this.#text !== "";
  }
  /** Throws a refusal where the part is not given to this addon: only parts about connections are held back. */
  get view(): V {
    if (this.#text === "") throw absent("the connection", "read:connection");
    return (this.#view ??= jsonParse(this.#text) as V);
  }
}

/** The connection from the client to the proxy. */
export class ClientConnection {
  readonly #state: ViewState<ClientView>;
  constructor(state: ViewState<ClientView>) {
    this.#state = state;
  }
  /** Of this connection alone. */
  get id(): string { return this.#state.view.id; }
  /** The client's address. */
  get address(): Address { return freeze<Address>({ host: this.#state.view.address.host, port: this.#state.view.address.port }); }
  /** Where the proxy accepted it. */
  get sockname(): Address { return freeze<Address>({ host: this.#state.view.sockname.host, port: this.#state.view.sockname.port }); }
  /** The proxy mode that it came in by, `"regular"`. */
  get mode(): string { return this.#state.view.mode; }
  /** Whether it speaks TLS. */
  get tls(): boolean { return this.#state.view.tls; }
  /** The server name of its TLS handshake; `null`: none. */
  get sni(): string | null { return this.#state.view.sni; }
  /** The protocol that was agreed on, `"h2"`; `null`: none. */
  get alpn(): string | null { return this.#state.view.alpn; }
  /** `"TLSv1.3"`; `null` without TLS. */
  get tlsVersion(): string | null { return this.#state.view.tlsVersion; }
  /** The cipher suite; `null` without TLS. */
  get cipher(): string | null { return this.#state.view.cipher; }
  /** When it was accepted, in seconds since the epoch. */
  get timestampStart(): number { return this.#state.view.timestampStart; }
  /** When its TLS handshake was done, in seconds since the epoch. */
  get timestampTlsSetup(): number | null { return this.#state.view.timestampTlsSetup; }
  /** When it ended, in seconds since the epoch. */
  get timestampEnd(): number | null { return this.#state.view.timestampEnd; }
}
expose(ClientConnection, "ClientConnection");

const noServer: ServerView = freeze<ServerView>({
  id: "", address: null, via: null, peername: null, sockname: null, tls: false, sni: null, alpn: null, tlsVersion: null, cipher: null,
  timestampStart: null, timestampTcpSetup: null, timestampTlsSetup: null, timestampEnd: null, error: null,
});

interface ServerChoice { readonly address: AddressView | null; readonly via: ServerView["via"]; readonly isKilled: boolean }

export class ServerState implements Draftable {
  writer: Call | null = null;
  readonly owner: Owner;
  readonly #given = new ViewState<ServerView>();
  #choice: ServerChoice | null = null;
  #saved: ServerChoice | null = null;
  constructor(owner: Owner) {
    this.owner = owner;
  }
  accept(text: string): void {
    this.#given.accept(text);
    this.#choice = null;
  }
  assumeView(other: ServerState): void {
    this.#given.assumeView(other.#given);
    this.#choice = other.choice;
  }
  get view(): ServerView {
    return this.#given.isKnown ? this.#given.view : noServer;
  }
  /** What an addon reads: a refusal where it is not given. */
  get shown(): ServerView {
    return this.#given.view;
  }
  get shownChoice(): ServerChoice {
    if (!this.#given.isKnown && this.#choice === null) throw absent("flow.serverConn", "read:connection");
    return this.choice;
  }
  get choice(): ServerChoice {
    return (this.#choice ??= freeze<ServerChoice>({ address: frozenAddress(this.view.address), via: this.view.via, isKilled: false }));
  }
  /** What addons before this one chose, or what the call chooses after `begin`. */
  assume(choice: ServerChoice): void {
    this.#choice = choice;
  }
  begin(field: string): void {
    beginWrite(this.owner, this, "server", field);
  }
  save(): void {
    this.#saved = this.choice;
  }
  collect(changes: Changes): void {
    const saved = this.#saved;
    const now = this.choice;
    if (saved === null) return;
    if (now.address !== null && (saved.address === null || now.address.host !== saved.address.host || now.address.port !== saved.address.port)) {
      changes.add("server.address", `{"host":${quoteAscii(encodeText(now.address.host))},"port":${now.address.port}}`);
    }
    if (now.via !== saved.via) changes.add("server.via", now.via === null ? "null" : `{"scheme":"${now.via.scheme}","host":${quoteAscii(encodeText(now.via.host))},"port":${now.via.port}}`);
    if (now.isKilled && !saved.isKilled) changes.add("server.kill", "true");
  }
  commit(): void {
    this.#saved = null;
  }
  revert(): void {
    this.#choice = this.#saved;
    this.#saved = null;
  }
}

function checkAddress(attribute: "address" | "via", value: unknown): Address {
  const field = `server.${attribute}`;
  const host = isObject(value) ? readMember(value, "host") : undefined;
  const port = isObject(value) ? readMember(value, "port") : undefined;
  if (typeof host !== "string" || !isHost(encodeText(host))) throw refuse(field, `serverConn.${attribute} needs a host: a host name or an IP address`);
  if (!isPort(port)) throw refuse(field, `serverConn.${attribute} needs a port: a whole number from 1 to 65535`);
  return freeze<Address>({ host, port });
}

function checkVia(value: unknown): Via | null {
  if (value === null) return null;
  const { host, port } = checkAddress("via", value);
  const scheme = isObject(value) ? readMember(value, "scheme") : undefined;
  if (scheme !== "http" && scheme !== "https") throw refuse("server.via", `serverConn.via needs a scheme: "http" or "https"`);
  return freeze<Via>({ scheme, host, port });
}

/** The connection from the proxy to a server. */
export class ServerConnection {
  readonly #state: ServerState;
  constructor(state: ServerState) {
    this.#state = state;
  }
  /** Of this connection alone. */
  get id(): string { return this.#state.shown.id; }
  /** Where it goes: `{host, port}`; `null`: not known yet. May be set in `serverconnect` and `clientconnect`. */
  get address(): Address | null { return this.#state.shownChoice.address; }
  set address(address: Address) {
    const checked = checkAddress("address", address);
    this.#state.begin("server.address");
    this.#state.assume(freeze<ServerChoice>({ address: checked, via: this.#state.choice.via, isKilled: this.#state.choice.isKilled }));
  }
  /** An upstream proxy `{scheme, host, port}`; `null`: none. May be set where `address` may. */
  get via(): Via | null { return this.#state.shownChoice.via; }
  set via(via: Via | null) {
    const checked = checkVia(via);
    this.#state.begin("server.via");
    this.#state.assume(freeze<ServerChoice>({ address: this.#state.choice.address, via: checked, isKilled: this.#state.choice.isKilled }));
  }
  /** Refuses the connection. */
  kill(): void {
    if (this.#state.choice.isKilled) return;
    this.#state.begin("server.kill");
    this.#state.assume(freeze<ServerChoice>({ address: this.#state.choice.address, via: this.#state.choice.via, isKilled: true }));
  }
  /** The address that it was made to; `null` before. */
  get peername(): Address | null { return frozenAddress(this.#state.shown.peername); }
  /** The proxy's own end; `null` before. */
  get sockname(): Address | null { return frozenAddress(this.#state.shown.sockname); }
  /** Whether it speaks TLS. */
  get tls(): boolean { return this.#state.shown.tls; }
  /** The server name that was asked for; `null`: none. */
  get sni(): string | null { return this.#state.shown.sni; }
  /** The protocol that was agreed on, `"h2"`; `null`: none. */
  get alpn(): string | null { return this.#state.shown.alpn; }
  /** `"TLSv1.3"`; `null` without TLS. */
  get tlsVersion(): string | null { return this.#state.shown.tlsVersion; }
  /** The cipher suite; `null` without TLS. */
  get cipher(): string | null { return this.#state.shown.cipher; }
  /** When connecting began, in seconds since the epoch; `null` before. */
  get timestampStart(): number | null { return this.#state.shown.timestampStart; }
  /** When TCP was there, in seconds since the epoch. */
  get timestampTcpSetup(): number | null { return this.#state.shown.timestampTcpSetup; }
  /** When the TLS handshake was done, in seconds since the epoch. */
  get timestampTlsSetup(): number | null { return this.#state.shown.timestampTlsSetup; }
  /** When it ended, in seconds since the epoch. */
  get timestampEnd(): number | null { return this.#state.shown.timestampEnd; }
  /** Why it could not be made or broke; `null`: it did not. */
  get error(): string | null { return this.#state.shown.error; }
}
expose(ServerConnection, "ServerConnection");

export class RootState implements Draftable {
  writer: Call | null = null;
  readonly owner: Owner;
  readonly given = new ViewState<RootView>();
  #isKilled = false;
  constructor(owner: Owner) {
    this.owner = owner;
  }
  get isKilled(): boolean {
    return this.#isKilled;
  }
  kill(): void {
    if (this.#isKilled) return;
    beginWrite(this.owner, this, "client", "client.kill");
    this.#isKilled = true;
  }
  assumeKilled(): void {
    this.#isKilled = true;
  }
  save(): void {
    // There is one way only to change it, so there is nothing to keep.
  }
  collect(changes: Changes): void {
    if (this.#isKilled) changes.add("client.kill", "true");
  }
  commit(): void {
    // The kill stands.
  }
  revert(): void {
    this.#isKilled = false;
  }
}

/** One client connection with whatever it opens: the object of `clientconnect` and `clientdisconnect`. */
export class RootLayer {
  readonly #state: RootState;
  /** The connection that this is about. */
  readonly clientConn: ClientConnection;
  /** The server that is meant, where that is known; its address may be set beforehand. */
  readonly serverConn: ServerConnection;
  constructor(state: RootState, clientConn: ClientConnection, serverConn: ServerConnection) {
    this.#state = state;
    this.clientConn = clientConn;
    this.serverConn = serverConn;
  }
  /** The proxy mode, `"regular"`. */
  get mode(): string { return this.#state.given.view.mode; }
  /** False once the connection was closed or killed. */
  get live(): boolean { return this.#state.given.view.live && !this.#state.isKilled; }
  /** Closes the client's connection without a byte. */
  kill(): void {
    this.#state.kill();
  }
}
expose(RootLayer, "RootLayer");

export class LayerState extends ViewState<LayerView> {
  #attachments: Attachments = noAttachments;
  acceptLayer(text: string, attachments: Attachments): void {
    this.accept(text);
    this.#attachments = attachments;
  }
  get dataClient(): Uint8Array {
    return attachedBytes(this.#attachments, this.view.dataClient) ?? new RealUint8Array(0);
  }
}

/** The proposal of a protocol inside another: the object of `next_layer`. */
export class Layer {
  readonly #state: LayerState;
  /** The client's connection. */
  readonly clientConn: ClientConnection;
  /** The server's connection. */
  readonly serverConn: ServerConnection;
  constructor(state: LayerState, clientConn: ClientConnection, serverConn: ServerConnection) {
    this.#state = state;
    this.clientConn = clientConn;
    this.serverConn = serverConn;
  }
  /** What is proposed: `"tls"`, `"http1"`, `"http2"`, `"websocket"` or `"tcp"`. */
  get name(): LayerView["name"] { return this.#state.view.name; }
  /** The first bytes that the client sent, at most 4 KiB. */
  get dataClient(): Uint8Array { return this.#state.dataClient; }
  /** Of a TLS ClientHello, where there is one. */
  get clientHello(): ClientHelloView | null { return this.#state.view.clientHello; }
}
expose(Layer, "Layer");

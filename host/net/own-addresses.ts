// Whether an address is one of this proxy's own listeners, or a client this proxy itself, so that it never becomes its own client in a
// loop. It resolves no names.
import { BlockList, isIP, type AddressInfo, type Socket } from "node:net";
import { networkInterfaces } from "node:os";

const anyAddresses: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** The listeners' addresses; one per proxy. */
export class OwnAddresses {
  readonly #listeners = new Map<number, Set<string>>();
  /** Local ends of connections to servers; null: nobody asks for them. */
  #outgoing: Set<string> | null = null;

  add({ address, port }: Pick<AddressInfo, "address" | "port">): void {
    const addresses = this.#listeners.get(port) ?? new Set();
    addresses.add(plain(address));
    this.#listeners.set(port, addresses);
  }

  /** From now on `isOutgoing` knows the connections that are opened: rules that turn connections to us may catch our own. */
  watchOutgoing(): void {
    this.#outgoing ??= new Set();
  }

  /** Notes a connection to a server until it is closed. */
  noteOutgoing(socket: Socket): void {
    const outgoing = this.#outgoing;
    const { localAddress, localPort } = socket;
    if (outgoing === null || localAddress === undefined || localPort === undefined) return;
    const end = `${plain(localAddress)} ${localPort}`;
    outgoing.add(end);
    socket.once("close", () => outgoing.delete(end));
  }

  /** Whether that is the other end of a connection of ours to a server: the client is this proxy itself. */
  isOutgoing(address: string, port: number): boolean {
    return this.#outgoing?.has(`${plain(address)} ${port}`) === true;
  }

  /** True when connecting to that IP address and port would reach a listener of ours. Names are false: they are asked again once resolved. */
  includes(address: string, port: number): boolean {
    const listening = this.#listeners.get(port);
    if (listening === undefined) return false;
    const target = plain(address);
    const family = isIP(target);
    if (family === 0) return false;
    if (listening.has(target)) return true;
    const isAny = [...listening].some((own) => anyAddresses.has(own));
    // Connecting to 0.0.0.0 reaches loopback on Linux.
    if (anyAddresses.has(target)) return isAny || [...listening].some(isLoopback);
    return isAny && (isLoopback(target) || isOfThisMachine(target));
  }
}

/** An IPv4 address in IPv6's clothes is that IPv4 address. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");

const plain = (address: string): string => plainAddress(address.replace(/^\[|\]$/g, "")).toLowerCase();

function isLoopback(address: string): boolean {
  return loopback.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

function isOfThisMachine(address: string): boolean {
  return Object.values(networkInterfaces()).some((entries) => entries?.some((entry) => entry.address.toLowerCase() === address));
}

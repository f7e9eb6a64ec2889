// Which IP addresses belong to the public internet and which do not: the special-purpose registries of IANA (RFC 6890 and what
// updates it) as a table, and the one function that reads it. Pure; knows no names, no sockets and no grants. Whatever is not known
// to be public is not: IPv6 outside 2000::/3 has no row and is refused as unassigned.
import { invariant } from "../invariant.ts";

export type AddressClass =
  | "public" | "invalid" | "unspecified" | "loopback" | "private" | "shared (carrier NAT)" | "link-local" | "metadata service" | "protocol assignments" | "documentation"
  | "benchmarking" | "6to4 relay" | "AS112" | "multicast" | "reserved" | "broadcast" | "discard" | "unique local" | "site-local" | "unassigned" | "segment routing";

type Row4 = readonly [block: string, bits: number, is: AddressClass];

/** IPv4. The first row that matches counts. */
const rows4: readonly Row4[] = [
  ["169.254.169.254", 32, "metadata service"], // AWS, GCP, Azure, Oracle, …
  ["169.254.170.2", 32, "metadata service"], // ECS
  ["100.100.100.200", 32, "metadata service"], // Alibaba
  ["168.63.129.16", 32, "metadata service"], // Azure's host, in public space
  ["192.0.0.192", 32, "metadata service"], // Oracle, older
  ["255.255.255.255", 32, "broadcast"], // RFC 919
  ["0.0.0.0", 8, "unspecified"], // RFC 1122 §3.2.1.3; Linux takes 0.0.0.0 for itself
  ["10.0.0.0", 8, "private"], // RFC 1918
  ["100.64.0.0", 10, "shared (carrier NAT)"], // RFC 6598
  ["127.0.0.0", 8, "loopback"], // RFC 1122
  ["169.254.0.0", 16, "link-local"], // RFC 3927
  ["172.16.0.0", 12, "private"], // RFC 1918
  ["192.0.0.0", 24, "protocol assignments"], // RFC 6890; DS-Lite, PCP and TURN anycast, NAT64 discovery
  ["192.0.2.0", 24, "documentation"], // RFC 5737
  ["192.31.196.0", 24, "AS112"], // RFC 7535
  ["192.52.193.0", 24, "protocol assignments"], // RFC 7450, AMT
  ["192.88.99.0", 24, "6to4 relay"], // RFC 7526
  ["192.168.0.0", 16, "private"], // RFC 1918
  ["192.175.48.0", 24, "AS112"], // RFC 7534
  ["198.18.0.0", 15, "benchmarking"], // RFC 2544
  ["198.51.100.0", 24, "documentation"], // RFC 5737
  ["203.0.113.0", 24, "documentation"], // RFC 5737
  ["224.0.0.0", 4, "multicast"], // RFC 5771
  ["240.0.0.0", 4, "reserved"], // RFC 1112
];

/** `at`: where an IPv4 address stands in it, in bits from the front: judged by that one. */
type Row6 = readonly [block: string, bits: number, is: AddressClass | { readonly at: number; readonly inverted?: true }];

/** IPv6. The first row that matches counts. */
const rows6: readonly Row6[] = [
  ["fd00:ec2::254", 128, "metadata service"], // AWS
  ["fd20:ce::254", 128, "metadata service"], // GCP
  ["::", 128, "unspecified"], // RFC 4291
  ["::1", 128, "loopback"], // RFC 4291
  ["::ffff:0:0", 96, { at: 96 }], // RFC 4291, IPv4-mapped
  ["::ffff:0:0:0", 96, { at: 96 }], // RFC 2765, IPv4-translated
  ["::", 96, { at: 96 }], // RFC 4291, IPv4-compatible, deprecated
  ["64:ff9b::", 96, { at: 96 }], // RFC 6052, NAT64
  ["64:ff9b:1::", 48, "private"], // RFC 8215, local NAT64
  ["100::", 64, "discard"], // RFC 6666
  ["100:0:0:1::", 64, "reserved"], // RFC 9780
  ["2001::", 32, { at: 96, inverted: true }], // RFC 4380, Teredo: the client's address
  ["2001:db8::", 32, "documentation"], // RFC 3849
  ["2001::", 23, "protocol assignments"], // RFC 2928; benchmarking, ORCHID, TURN and PCP anycast, drones
  ["2002::", 16, { at: 16 }], // RFC 3056, 6to4
  ["2620:4f:8000::", 48, "AS112"], // RFC 7534
  ["3fff::", 20, "documentation"], // RFC 9637
  ["5f00::", 16, "segment routing"], // RFC 9602
  ["fc00::", 7, "unique local"], // RFC 4193
  ["fe80::", 10, "link-local"], // RFC 4291
  ["fec0::", 10, "site-local"], // RFC 3879
  ["ff00::", 8, "multicast"], // RFC 4291
  ["2000::", 3, "public"], // RFC 4291, global unicast
];

interface Parsed<C> { readonly value: bigint; readonly bits: number; readonly is: C }

const parsed4 = rows4.map(([block, bits, is]): Parsed<AddressClass> => ({ value: blockOf(parse4(block)), bits, is }));
const parsed6 = rows6.map(([block, bits, is]): Parsed<Row6[2]> => ({ value: blockOf(parse6(block)), bits, is }));

function blockOf(value: bigint | null): bigint {
  invariant(value !== null, "a row of the address table is no address");
  return value;
}

const isInBlock = (address: bigint, block: bigint, bits: number, width: 32 | 128): boolean => address >> BigInt(width - bits) === block >> BigInt(width - bits);

/**
 * The class of an address in its canonical text (as WHATWG URL, DNS and sockets give it): IPv4 with four decimal numbers, IPv6 with or
 * without brackets and zone. Anything else is "invalid". Addresses with an IPv4 address inside are what that one is.
 */
export function classifyAddress(text: string): AddressClass {
  const bare = text.replace(/^\[(.*)\]$/, "$1").replace(/%[^%]*$/, "");
  const four = parse4(bare);
  if (four !== null) return classify4(four);
  const six = parse6(bare);
  return six === null ? "invalid" : classify6(six);
}

/** Whether anybody on the internet could be meant. */
export const isPublicAddress = (text: string): boolean => classifyAddress(text) === "public";

function classify4(address: bigint): AddressClass {
  return parsed4.find(({ value, bits }) => isInBlock(address, value, bits, 32))?.is ?? "public";
}

function classify6(address: bigint): AddressClass {
  const row = parsed6.find(({ value, bits }) => isInBlock(address, value, bits, 128));
  if (row === undefined) return "unassigned";
  if (typeof row.is === "string") return row.is;
  const inside = (address >> BigInt(128 - row.is.at - 32)) & 0xffff_ffffn;
  return classify4(row.is.inverted === true ? inside ^ 0xffff_ffffn : inside);
}

function parse4(text: string): bigint | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  let value = 0n;
  for (const part of match.slice(1)) {
    // A leading zero is octal to some.
    if (Number(part) > 255 || (part.length > 1 && part.startsWith("0"))) return null;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parse6(text: string): bigint | null {
  if (!/^[0-9a-f:.]{2,45}$/i.test(text) || !text.includes(":")) return null;
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [front, back] = halves.map(groupsOf);
  if (front === undefined || front === null || back === null) return null;
  if (back === undefined) return front.length === 8 ? join(front) : null;
  const missing = 8 - front.length - back.length;
  return missing < 1 ? null : join([...front, ...new Array<number>(missing).fill(0), ...back]);
}

/** Sixteen-bit groups of one half; a dotted IPv4 address may end it. */
function groupsOf(half: string): readonly number[] | null {
  if (half === "") return [];
  const groups: number[] = [];
  const parts = half.split(":");
  for (const [index, part] of parts.entries()) {
    const four = index === parts.length - 1 ? parse4(part) : null;
    if (four !== null) groups.push(Number(four >> 16n), Number(four & 0xffffn));
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}

function join(groups: readonly number[]): bigint {
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

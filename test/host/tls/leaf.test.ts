// Leaves: what openssl and Node say of them, which names they carry, and what hostile server certificates do not bring into them.
import test from "ava";
import fc from "fast-check";
import { X509Certificate } from "node:crypto";
import { readCertificate } from "../../../host/tls/certificate.ts";
import { createLeafKey, mintLeaf, type LeafSubject } from "../../../host/tls/leaf.ts";
import * as der from "../../../host/tls/der.ts";
import { openAuthority, type Authority } from "../../../host/tls/authority.ts";
import { requireProgram } from "../../helpers/programs.ts";
import { run, temporaryAuthority, written } from "./support.ts";

const key = createLeafKey();
const dayMs = 86_400_000;

function mint(authority: Authority, subject: LeafSubject, now = new Date()): X509Certificate {
  return new X509Certificate(mintLeaf(subject, authority.issuer, key, now).certificateDer);
}

/** A server's certificate with these GeneralNames, unsigned in earnest: nothing here verifies it. */
function serverCertificate(commonName: Uint8Array | string, generalNames: readonly der.Asn1[]): Buffer {
  const name = der.sequence(der.set(der.sequence(der.objectIdentifier("2.5.4.3"), der.utf8String(Buffer.from(commonName).toString("latin1")))));
  const alternative = der.sequence(der.objectIdentifier("2.5.29.17"), der.octetString(der.encode(der.sequence(...generalNames))));
  const algorithm = (): der.Asn1 => der.sequence(der.objectIdentifier("1.2.840.10045.4.3.2"));
  return der.encode(der.sequence(
    der.sequence(
      der.explicit(0, der.integer(2)), der.integer(7), algorithm(), name,
      der.sequence(der.time(new Date(0)), der.time(new Date(Date.UTC(2051, 0, 1)))), name, der.existingSequence(key.publicKeyDer),
      der.explicit(3, der.sequence(alternative)),
    ),
    algorithm(), der.bitString(Buffer.alloc(8)),
  ));
}
const dns = (name: string): der.Asn1 => der.implicit(2, Buffer.from(name, "latin1"));
const ip = (...octets: number[]): der.Asn1 => der.implicit(7, Uint8Array.from(octets));

test("openssl accepts leaves strictly, for their names and addresses and no others", async (t) => {
  const openssl = requireProgram(t, "openssl", "openssl");
  if (openssl === undefined) return;
  const { folder, authority } = await temporaryAuthority();
  const { certificatePem } = mintLeaf({ sni: "www.bücher.example", host: "2001:db8::7", upstreamCertificate: serverCertificate("x", [dns("*.example.net")]) }, authority.issuer, key, new Date());
  const file = await written(folder, "leaf.pem", certificatePem);
  const verify = async (...args: string[]): Promise<number> =>
    (await run(openssl, ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", authority.files.certPem, ...args, file])).status;
  t.is(await verify(), 0);
  t.is(await verify("-verify_hostname", "www.xn--bcher-kva.example"), 0);
  t.is(await verify("-verify_hostname", "any.example.net"), 0);
  t.is(await verify("-verify_ip", "2001:db8::7"), 0);
  t.not(await verify("-verify_hostname", "example.org"), 0);
  t.not(await verify("-verify_ip", "2001:db8::8"), 0);
  const { output } = await run(openssl, ["x509", "-in", file, "-noout", "-text"]);
  t.regex(output, /Version: 3/);
  t.regex(output, /Basic Constraints: critical\s+CA:FALSE/);
  t.regex(output, /Key Usage: critical\s+Digital Signature\s/);
  t.regex(output, /Extended Key Usage:\s+TLS Web Server Authentication\s/);
  t.regex(output, /Subject Alternative Name:\s+DNS:www\.xn--bcher-kva\.example, IP Address:2001:DB8:0:0:0:0:0:7, DNS:\*\.example\.net/);
  t.regex(output, /Authority Key Identifier/);
});

test("validity is what browsers accept, and inside the authority's own", async (t) => {
  const { authority } = await temporaryAuthority();
  const now = Date.now();
  const usual = mint(authority, { sni: "a.example" });
  t.true(usual.validFromDate.getTime() < now - dayMs);
  t.true(usual.validToDate.getTime() - usual.validFromDate.getTime() < 200 * dayMs);
  t.true(usual.validToDate.getTime() > now + 100 * dayMs);
  const late = mint(authority, { sni: "a.example" }, new Date(authority.notAfter.getTime() - 5 * dayMs));
  t.is(late.validToDate.getTime(), authority.notAfter.getTime());
});

test("serial numbers differ", async (t) => {
  const { authority } = await temporaryAuthority();
  t.is(new Set(Array.from({ length: 50 }, () => mint(authority, { sni: "a.example" }).serialNumber)).size, 50);
});

const subjects: readonly (readonly [what: string, subject: LeafSubject, names: readonly string[], commonName: string | undefined])[] = [
  ["SNI alone", { sni: "a.example" }, ["a.example"], "a.example"],
  ["SNI before host, once where they are the same", { sni: "A.example", host: "a.example." }, ["a.example"], "a.example"],
  ["SNI and another host", { sni: "a.example", host: "192.0.2.1" }, ["a.example", "192.0.2.1"], "a.example"],
  ["a bracketed address", { host: "[::1]" }, ["::1"], "::1"],
  ["nobody", {}, ["flowcell.invalid"], "flowcell.invalid"],
  ["hostile text", { sni: "a\u0000b", host: "../etc" }, ["flowcell.invalid"], "flowcell.invalid"],
  ["a name too long for a common name", { sni: `${"a".repeat(60)}.example` }, [`${"a".repeat(60)}.example`], undefined],
  ["the server's names and common name", { sni: "a.example", upstreamCertificate: serverCertificate("www.a.example", [dns("*.a.example"), ip(192, 0, 2, 9)]) },
    ["a.example", "www.a.example", "*.a.example", "192.0.2.9"], "www.a.example"],
  ["a common name that is no host", { sni: "a.example", upstreamCertificate: serverCertificate("Machine 7", []) }, ["a.example"], "Machine 7"],
  ["a common name with a line break", { sni: "a.example", upstreamCertificate: serverCertificate("a\nb", []) }, ["a.example"], "a.example"],
  ["a common name that is huge", { sni: "a.example", upstreamCertificate: serverCertificate("x".repeat(10_000), []) }, ["a.example"], "a.example"],
  ["no certificate at all", { sni: "a.example", upstreamCertificate: Buffer.from("not DER") }, ["a.example"], "a.example"],
];
for (const [what, subject, names, commonName] of subjects) {
  test(`names of a leaf for ${what}`, async (t) => {
    const { authority } = await temporaryAuthority();
    const leaf = mintLeaf(subject, authority.issuer, key, new Date());
    t.deepEqual(leaf.names, names);
    const certificate = new X509Certificate(leaf.certificateDer);
    t.deepEqual(certificate.subjectAltName?.split(", ").map((entry) => readFacts(entry)), names.map((name) => name));
    t.is<string | undefined, string | undefined>(certificate.subject?.replace(/^CN=/, ""), commonName);
    t.true(certificate.verify(new X509Certificate(authority.certificateDer).publicKey));
  });
}

function readFacts(entry: string): string {
  return entry.replace(/^DNS:|^IP Address:/, "").replace(/^0:0:0:0:0:0:0:1$/, "::1");
}

test("hostile names of a server are dropped, the rest is kept", (t) => {
  const bad = ["nul\u0000.example", "a.example\u0000.b", "space .example", "tab\t.example", "ü.example", "\u00ff\u00fe", "x".repeat(5000), "f*.example", "https://u.example", ""];
  const other = [ip(1, 2, 3), ip(1, 2, 3, 4, 255, 255, 255, 0), der.implicit(1, Buffer.from("mail@example.com")), der.implicit(6, Buffer.from("http://u")), der.explicit(4, der.sequence())];
  const facts = readCertificate(serverCertificate("c", [dns("first.example"), ...bad.map(dns), ...other, dns("last.example")]));
  t.deepEqual(facts?.names.map(({ value }) => value), ["first.example", "last.example"]);
});

test("thousands of names are cut at the limit, the client's own first", async (t) => {
  const { authority } = await temporaryAuthority();
  const upstreamCertificate = serverCertificate("c", Array.from({ length: 3000 }, (_, index) => dns(`n${index}.example`)));
  const leaf = mintLeaf({ sni: "mine.example", upstreamCertificate }, authority.issuer, key, new Date());
  t.is(leaf.names.length, 200);
  t.deepEqual(leaf.names.slice(0, 2), ["mine.example", "n0.example"]);
  const huge = serverCertificate("c", Array.from({ length: 9000 }, (_, index) => dns(`n${index}.example`)));
  t.is(readCertificate(huge), undefined);
});

test("reads real certificates as Node does", async (t) => {
  const { authority } = await temporaryAuthority();
  const facts = readCertificate(authority.certificateDer);
  t.is(facts?.commonName, authority.commonName);
  t.deepEqual(facts?.keyIdentifier, authority.issuer.keyIdentifier);
  const { certificateDer } = mintLeaf({ sni: "a.example", host: "10.0.0.1" }, authority.issuer, key, new Date());
  t.deepEqual(readCertificate(certificateDer)?.names.map(({ value }) => value), ["a.example", "10.0.0.1"]);
});

test("a certificate spoilt anywhere is read or refused, and never breaks a mint", async (t) => {
  const { authority } = await temporaryAuthority();
  const good = serverCertificate("www.a.example", [dns("*.a.example"), ip(192, 0, 2, 9)]);
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), fc.nat(good.length), (changes, cut) => {
    const spoiltBytes = Buffer.from(good);
    for (const [at, value] of changes) spoiltBytes[at] = value;
    for (const bytes of [spoiltBytes, good.subarray(0, cut)]) {
      const facts = readCertificate(bytes);
      if (facts?.names.some(({ value }) => !/^[a-z0-9_.:*-]+$/.test(value))) return false;
    }
    return true;
  }), { numRuns: 1500 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    return mintLeaf({ sni: "a.example", upstreamCertificate: bytes }, authority.issuer, key, new Date()).names[0] === "a.example";
  }), { numRuns: 50 });
  t.pass();
});

test("any text as SNI and host gives a certificate that Node reads", async (t) => {
  const { authority } = await temporaryAuthority();
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.domain(), (sni, host) => {
    const certificate = mint(authority, { sni, host });
    return certificate.checkHost(host) !== undefined;
  }), { numRuns: 100 });
  t.pass();
});

test("a leaf of a reopened authority still verifies", async (t) => {
  const { folder, authority } = await temporaryAuthority();
  t.true(mint(await openAuthority(folder), { sni: "a.example" }).checkIssued(new X509Certificate(authority.certificateDer)));
});

/**
 * What a client sees at the magic host of the proxy: a page that says how to trust the authority, and its certificate in the forms that systems import.
 * Pure; made once. It refers to nothing outside itself, runs no script, and the private key is never in it.
 */
import { hash } from "node:crypto";
import type { Authority } from "./authority.ts";
import { exportCertificate } from "./export.ts";
import { installSections } from "./install-help.ts";

export interface OnboardingPage {
  readonly contentType: string;
  /** Name to keep a download under; null: it is to be shown. */
  readonly fileName: string | null;
  readonly body: Buffer;
}

type SiteAuthority = Pick<Authority, "certificatePem" | "certificateDer" | "commonName" | "fingerprint256">;

const files = { certPem: "flowcell-ca.pem", certDer: "flowcell-ca.cer", certP12: "flowcell-ca.p12" } as const;
const style = "body{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#222}pre{background:#f4f4f4;padding:.6em;overflow-x:auto}a{margin-right:1em}summary{cursor:pointer;font-weight:600;margin:.6em 0}";

/** Everything of the page comes with it: whoever could add to it could have another certificate installed. */
export const onboardingPolicy = `default-src 'none'; style-src 'sha256-${hash("sha256", style, "base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** The pages by path. */
export function onboardingSite(authority: SiteAuthority): ReadonlyMap<string, OnboardingPage> {
  const shown = (contentType: string, text: string): OnboardingPage => ({ contentType, fileName: null, body: Buffer.from(text) });
  const file = (contentType: string, fileName: string, body: Buffer): OnboardingPage => ({ contentType, fileName, body });
  return new Map([
    ["/", shown("text/html; charset=utf-8", page(authority))],
    ["/cert/pem", file("application/x-x509-ca-cert", files.certPem, exportCertificate(authority, "pem"))],
    ["/cert/cer", file("application/x-x509-ca-cert", files.certDer, exportCertificate(authority, "der"))],
    ["/cert/p12", file("application/x-pkcs12", files.certP12, exportCertificate(authority, "p12"))],
    ["/cert/mobileconfig", file("application/x-apple-aspen-config", "flowcell-ca.mobileconfig", Buffer.from(mobileConfig(authority)))],
  ]);
}

function page({ commonName, fingerprint256 }: SiteAuthority): string {
  const { warning, sections } = installSections(files);
  const help = sections.map(({ title, lines }) => `<details><summary>${escaped(title)}</summary><pre>${lines.map(escaped).join("\n")}</pre></details>`).join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Trust this Flowcell</title><style>${style}</style></head>
<body><h1>Trust this Flowcell</h1>
<p>This page comes from the proxy itself. To look into HTTPS it shows certificates of its own authority, <b>${escaped(commonName)}</b>, which your system does not know yet.</p>
<p><a href="/cert/pem">PEM</a><a href="/cert/cer">DER (.cer)</a><a href="/cert/p12">PKCS#12 (empty password)</a><a href="/cert/mobileconfig">Apple profile</a></p>
<p>SHA-256 of the certificate, to compare with what <code>flowcell ca print</code> says:<br><code>${escaped(fingerprint256)}</code></p>
<p><strong>${escaped(warning)}</strong></p>
<h2>How to install it</h2>
${help}
<p>The same help on the proxy's own machine: <code>flowcell ca install-help</code></p></body></html>
`;
}

/** A configuration profile for iOS, iPadOS and macOS with the certificate as its one payload (com.apple.security.root). */
function mobileConfig({ commonName, certificateDer }: SiteAuthority): string {
  const digest = hash("sha256", certificateDer, "hex");
  const uuid = (at: number): string => [digest.slice(at, at + 8), digest.slice(at + 8, at + 12), `4${digest.slice(at + 13, at + 16)}`, `8${digest.slice(at + 17, at + 20)}`, digest.slice(at + 20, at + 32)].join("-");
  const entry = (key: string, value: string): string => `<key>${key}</key><string>${escaped(value)}</string>`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>PayloadContent</key><array><dict>
${entry("PayloadCertificateFileName", files.certDer)}<key>PayloadContent</key><data>${Buffer.from(certificateDer).toString("base64")}</data>
${entry("PayloadDisplayName", commonName)}${entry("PayloadIdentifier", `flowcell.ca.${digest.slice(0, 16)}`)}${entry("PayloadType", "com.apple.security.root")}${entry("PayloadUUID", uuid(0))}<key>PayloadVersion</key><integer>1</integer>
</dict></array>
${entry("PayloadDisplayName", commonName)}${entry("PayloadIdentifier", `flowcell.profile.${digest.slice(0, 16)}`)}<key>PayloadRemovalDisallowed</key><false/>${entry("PayloadType", "Configuration")}${entry("PayloadUUID", uuid(32))}<key>PayloadVersion</key><integer>1</integer>
</dict></plist>
`;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => entities[char] ?? char);

/**
 * How a person makes a client trust the proxy's certificate authority, per system: text for `flowcell ca install-help` and the onboarding page.
 * Pure, a table; nothing here runs any of these commands. Only the certificate is ever named, never the file with the key.
 */
import type { AuthorityFiles } from "./authority.ts";

/** The files that the instructions name. */
export type InstallFiles = Pick<AuthorityFiles, "certPem" | "certDer" | "certP12">;

interface Instructions {
  readonly title: string;
  readonly lines: (files: InstallFiles) => readonly string[];
}

const table = {
  debian: {
    title: "Debian, Ubuntu and their kin",
    lines: ({ certPem }) => [
      `sudo cp ${quoted(certPem)} /usr/local/share/ca-certificates/flowcell-ca.crt`,
      "sudo update-ca-certificates",
      "To undo: delete that copy, then sudo update-ca-certificates --fresh",
    ],
  },
  fedora: {
    title: "Fedora, RHEL and their kin",
    lines: ({ certPem }) => [
      `sudo cp ${quoted(certPem)} /etc/pki/ca-trust/source/anchors/flowcell-ca.pem`,
      "sudo update-ca-trust",
      "To undo: delete that copy, then sudo update-ca-trust",
    ],
  },
  macos: {
    title: "macOS (Safari, Chrome, most programs)",
    lines: ({ certPem }) => [
      `sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${quoted(certPem)}`,
      `To undo: sudo security remove-trusted-cert -d ${quoted(certPem)}`,
    ],
  },
  windows: {
    title: "Windows (Edge, Chrome, most programs)",
    lines: ({ certDer }) => [
      `For this user: certutil -addstore -user Root "${certDer}"`,
      `For all users, in an administrator's terminal: certutil -addstore Root "${certDer}"`,
      'To undo: open certmgr.msc, "Trusted Root Certification Authorities", and delete "Flowcell CA".',
    ],
  },
  firefox: {
    title: "Firefox (keeps a list of its own)",
    lines: ({ certPem }) => [
      'Settings, "Privacy & Security", "Certificates", "View Certificates…", "Authorities", "Import…":',
      `choose ${certPem} and tick "Trust this CA to identify websites".`,
      "Or set security.enterprise_roots.enabled to true in about:config to use the system's list (Windows, macOS).",
    ],
  },
  chrome: {
    title: "Chrome and Chromium on Linux (a list per user)",
    lines: ({ certPem }) => [
      `certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n flowcell-ca -i ${quoted(certPem)}   (package libnss3-tools or nss-tools)`,
      `Or chrome://certificate-manager, "Custom", "Trusted Certificates", "Import": ${certPem}`,
      "On Windows and macOS Chrome uses the system's list.",
    ],
  },
  curl: {
    title: "curl and wget, for one command",
    lines: ({ certPem }) => [
      `curl --proxy http://127.0.0.1:8080 --cacert ${quoted(certPem)} https://example.com/`,
      `wget -e https_proxy=http://127.0.0.1:8080 --ca-certificate=${quoted(certPem)} https://example.com/`,
    ],
  },
  node: {
    title: "Node.js",
    lines: ({ certPem }) => [
      `export NODE_EXTRA_CA_CERTS=${quoted(certPem)}`,
      "Node 24 and later also send fetch through a proxy: export NODE_USE_ENV_PROXY=1 HTTPS_PROXY=http://127.0.0.1:8080",
    ],
  },
  python: {
    title: "Python (requests, httpx, pip, urllib)",
    lines: ({ certPem }) => [
      `export REQUESTS_CA_BUNDLE=${quoted(certPem)} SSL_CERT_FILE=${quoted(certPem)} PIP_CERT=${quoted(certPem)}`,
      "These replace the usual list: hosts that do not go through the proxy are then not trusted.",
    ],
  },
  java: {
    title: "Java",
    lines: ({ certPem }) => [
      `sudo keytool -importcert -noprompt -alias flowcell-ca -cacerts -storepass changeit -file ${quoted(certPem)}`,
      "To undo: sudo keytool -delete -alias flowcell-ca -cacerts -storepass changeit",
    ],
  },
  android: {
    title: "Android",
    lines: ({ certDer }) => [
      `Copy ${certDer} to the device; Settings, "Security", "Encryption & credentials", "Install a certificate", "CA certificate".`,
      "Apps trust it only if they say so (network_security_config with <certificates src=\"user\"/>); browsers do.",
    ],
  },
  ios: {
    title: "iOS and iPadOS",
    lines: ({ certPem }) => [
      `Send ${certPem} to the device (AirDrop or mail) and open it; Settings, "Profile Downloaded", "Install".`,
      'Then Settings, "General", "About", "Certificate Trust Settings": switch it on there too.',
    ],
  },
} as const satisfies Readonly<Record<string, Instructions>>;

/** Systems there are instructions for; `ca install-help SYSTEM` takes one. */
export type InstallSystem = keyof typeof table;

export const installSystems: readonly InstallSystem[] = Object.keys(table).filter(isInstallSystem);

/** Whether there are instructions for a system of that name. */
export function isInstallSystem(name: string): name is InstallSystem {
  return Object.hasOwn(table, name);
}

export interface InstallSections {
  readonly warning: string;
  readonly sections: readonly { readonly title: string; readonly lines: readonly string[] }[];
}

/** Instructions for one system, or for all of them, in parts. */
export function installSections(files: InstallFiles, system?: InstallSystem): InstallSections {
  const chosen = system === undefined ? installSystems : [system];
  const warning = "Whoever has the private key beside this certificate can read the traffic of every client that trusts it: install it only where you need it.";
  return { warning, sections: chosen.map((name) => ({ title: table[name].title, lines: table[name].lines(files) })) };
}

/** Instructions for one system, or for all of them, as plain text that ends in a newline. */
export function installHelp(files: InstallFiles, system?: InstallSystem): string {
  const { warning, sections } = installSections(files, system);
  return `${[warning, ...sections.map(({ title, lines }) => [title, ...lines.map((line) => `  ${line}`)].join("\n"))].join("\n\n")}\n`;
}

/** A path as one word of a POSIX shell. */
function quoted(path: string): string {
  return /^[\w./:@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

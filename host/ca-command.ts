// `flowcell ca`: shows the certificate authority, writes its certificate in the form a system wants, or explains how to trust it. Makes
// the authority where there is none yet; never shows the private key.
import { writeFile } from "node:fs/promises";
import type { Writable } from "node:stream";
import type { Command } from "./cli.ts";
import type { Config } from "./config.ts";
import { defaultOnboardingHost } from "./config-recorded.ts";
import { OperatorError } from "./operator-error.ts";
import { openAuthority } from "./tls/authority.ts";
import { describeAuthority, exportCertificate } from "./tls/export.ts";
import { installHelp } from "./tls/install-help.ts";

/** Runs the command; gives the exit code. */
export async function runCa(command: Extract<Command, { kind: "ca" }>, config: Config, output: Writable): Promise<number> {
  const authority = await openAuthority(config.confdir);
  switch (command.action) {
    case "print": output.write(`${describeAuthority(authority)}${authority.certificatePem}`); return 0;
    case "install-help": output.write(`${installHelp(authority.files)}\nA device that uses the proxy can also fetch the certificate from it: http://${defaultOnboardingHost}/\n`); return 0;
    case "export": {
      const bytes = exportCertificate(authority, command.format);
      if (command.out === null) output.write(bytes);
      else await writeTo(command.out, bytes);
      return 0;
    }
  }
}

async function writeTo(file: string, bytes: Buffer): Promise<void> {
  try {
    await writeFile(file, bytes);
  } catch (error) {
    throw new OperatorError("ERR_CANNOT_WRITE", `cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

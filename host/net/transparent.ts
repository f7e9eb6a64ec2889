// Lets a listening socket take connections to addresses that are not this machine's (IP_TRANSPARENT, Linux). Node has no way to say so;
// a one-line Perl or Python program that inherits the socket does (decision 0017). Their packets get here by the operator's rules.
import { spawn } from "node:child_process";
import type { Server } from "node:net";

/** Linux: SOL_IP and IP_TRANSPARENT, SOL_IPV6 and IPV6_TRANSPARENT. A socket of IPv6 may take both families. */
const perl = 'open(my $s, "+<&=", 3) or die "$!\\n"; my $four = setsockopt($s, 0, 19, pack("i", 1)); my $why = $!; setsockopt($s, 41, 75, pack("i", 1)) or $four or die "$why\\n";';
const python = `import socket, sys
s = socket.socket(fileno=3)
done = False
why = ""
for level, option in ((0, 19), (41, 75)):
    try:
        s.setsockopt(level, option, 1)
        done = True
    except OSError as error:
        why = why or error.strerror
if not done:
    sys.exit(why)`;
const programs = [["perl", "-e", perl], ["python3", "-c", python], ["/usr/bin/python3", "-c", python]] as const;

/** Null: done. Otherwise why not, as the end of a sentence. The server must be listening. */
export async function makeTransparent(server: Server): Promise<string | null> {
  if (process.platform !== "linux") return "it needs Linux";
  const descriptor = descriptorOf(server);
  if (descriptor === null) return "this Node does not say which descriptor its socket has";
  for (const [program, flag, script] of programs) {
    const ended = await run(program, [flag, script], descriptor);
    if (ended === "missing") continue;
    if (ended === "") return null;
    return /not permitted|denied/i.test(ended) ? "it is not permitted: run as root, or with the capability CAP_NET_ADMIN (setpriv, systemd's AmbientCapabilities)" : `the system refused it (${ended})`;
  }
  return "it needs Perl or Python, and neither is installed";
}

function descriptorOf(server: Server): number | null {
  const handle: unknown = "_handle" in server ? server._handle : null;
  const descriptor = typeof handle === "object" && handle !== null && "fd" in handle ? handle.fd : null;
  return typeof descriptor === "number" && descriptor >= 0 ? descriptor : null;
}

/** "": it ended well. */
function run(program: string, words: readonly string[], descriptor: number): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, words, { stdio: ["ignore", "ignore", "pipe", descriptor], timeout: 10_000 });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => { said = (said + chunk.toString("latin1")).slice(-500); });
    child.once("error", (error) => resolve("code" in error && error.code === "ENOENT" ? "missing" : error.message));
    child.once("close", (code) => resolve(code === 0 ? "" : said.trim() || `${program} ended with ${code}`));
  });
}

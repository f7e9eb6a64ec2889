// The entry of a cell: a process that owns isolates and nothing else. Started by host/cells/spawn.ts as
// `node --no-node-snapshot --permission --allow-addons … main.ts <isolated-vm binary>`, with an empty environment and one socket
// on descriptor 3. It ends when that socket closes. It opens no file, no connection and no timer.
import { makeHandler } from "./handlers.ts";
import { loadIsolatedVm } from "./isolate/binary.ts";
import { isHangUp, makeCellLink } from "./link.ts";
import { Registry } from "./registry.ts";

const descriptor = 3;
// Between so many reads Node's own housekeeping gets its turn; the reads themselves block.
const readsPerTurn = 64;

const binary = process.argv[2];
if (binary === undefined) throw new Error("usage: main.ts <absolute path of the isolated-vm binary>");

const link = makeCellLink(descriptor);
const registry = new Registry(loadIsolatedVm(binary));
const handle = makeHandler(link, registry);

function turn(): void {
  try {
    for (let reads = 0; reads === 0 || (reads < readsPerTurn && !registry.isBusyBeside); reads++) {
      if (!link.receive(handle)) process.exit(0);
    }
  } catch (error) {
    if (isHangUp(error)) process.exit(0);
    throw error;
  }
  setImmediate(turn);
}

turn();

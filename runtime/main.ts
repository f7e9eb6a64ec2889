// The entry of a cell: a process that owns isolates and nothing else. Started by host/cells/spawn.ts as
// `node --no-node-snapshot --permission --allow-addons … main.ts <isolated-vm binary>`, with an empty environment and one socket
// on descriptor 3, with a file for its mark on another where there is one. It ends when that socket closes. It opens no file, no connection and no timer.
import { makeHandler } from "./handlers.ts";
import { loadIsolatedVm } from "./isolate/binary.ts";
import { isHangUp, makeCellLink } from "./link.ts";
import { makeOutbox } from "./outbox.ts";
import { Registry } from "./registry.ts";

const descriptor = 3;
// Between so many reads Node's own housekeeping gets its turn; the reads themselves block.
const readsPerTurn = 64;

const [binary, markDescriptor] = process.argv.slice(2);
if (binary === undefined) throw new Error("usage: main.ts <absolute path of the isolated-vm binary> [descriptor of the file for marks]");

const link = makeCellLink(descriptor);
const registry = new Registry(loadIsolatedVm(binary));
const handle = makeHandler(makeOutbox(link, markDescriptor === undefined ? null : Number(markDescriptor)), registry);

function turn(): void {
  try {
    for (let reads = 0; reads === 0 || (reads < readsPerTurn && !registry.isBusyBeside); reads++) {
      const frames = link.receive();
      if (frames === null) process.exit(0);
      handle(frames);
    }
  } catch (error) {
    if (isHangUp(error)) process.exit(0);
    throw error;
  }
  setImmediate(turn);
}

turn();

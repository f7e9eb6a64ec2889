// Everything that saves flows while the proxy runs, behind one door: opens the files of the operator's choice, puts a gate around the
// addons' one, and closes the files when the last flow has ended.
import type { Filter } from "../../../sandbox-api/schema/filter.ts";
import type { Log } from "../../log.ts";
import type { Gate } from "../gate.ts";
import { openFlowFile } from "./flow-file-output.ts";
import { openHarFile } from "./har-file-output.ts";
import { Saver } from "./saver.ts";
import { savingGate } from "./saving-gate.ts";

export interface SavingSettings {
  /** Own form; with "+" before it, flows are added to what is there. */
  readonly save: string | null;
  readonly har: string | null;
  readonly saveFilter: Filter | null;
  /** LIMIT: of one body, and of the messages of one flow together. */
  readonly keepBytes: number;
  /** Of this program, for HAR files. */
  readonly version: string;
}

export interface Saving {
  /** Hands every flow that ends at this gate to the files. */
  around(gate: Gate): Gate;
  /** Waits until everything that has ended is written. */
  flush(): Promise<void>;
  /** Writes what waits and closes the files; says what was saved. */
  close(): Promise<void>;
}

/** Opens the files; null: nothing is to be saved. Rejects with an OperatorError that names the file. */
export async function openSaving({ save, har, saveFilter: filter, keepBytes, version }: SavingSettings, log: Log): Promise<Saving | null> {
  const savers: Saver[] = [];
  if (save !== null) {
    const output = await openFlowFile(save);
    savers.push(new Saver({ output, filter, log }));
    if (output.tornBytes > 0) log.warn(`${output.path} was not closed well: ${output.tornBytes} bytes of a torn record at its end were cut off`, { event: "save", path: output.path, tornBytes: output.tornBytes });
  }
  if (har !== null) savers.push(new Saver({ output: await openHarFile(har, version), filter, log }));
  if (savers.length === 0) return null;
  return {
    around: (gate) => savingGate(gate, keepBytes, (flow) => { for (const saver of savers) saver.add(flow); }),
    flush: async () => { for (const saver of savers) await saver.flush(); },
    close: async () => { for (const saver of savers) await saver.close(); },
  };
}

// Where the guest begins: the script that runs first in every isolate. It takes the runtime's port off the global, locks the realm
// down, adds the globals of addons, and leaves `$guest` for the runtime (schema/guest-contract.ts). It exports nothing.
import { freeze, define } from "./intrinsics.ts";
import { addGlobal, lockDown, takeGlobal } from "./lockdown.ts";
import { Context, Log, OptionsState } from "./ctx.ts";
import { Dispatch } from "./dispatch.ts";
import { addGlobals } from "./globals/index.ts";
import { Parts } from "./kernel.ts";
import { makePerformance } from "./globals/performance.ts";
import { Timers } from "./globals/timers.ts";
import { Headers } from "./headers.ts";
import { HostCalls } from "./host-calls.ts";
import { HostPort } from "./host-port.ts";
import { flowfilter } from "./flow-filter.ts";
import { layers } from "./layers.ts";
import { Response } from "./response.ts";
import { Services } from "./services.ts";
import type { RuntimePorts } from "../schema/guest-contract.ts";

// The global is the one object whose shape nobody can tell us.
const global = globalThis as { [name: string]: unknown };
const port = new HostPort(takeGlobal(global, "$post") as RuntimePorts["$post"], takeGlobal(global, "$done") as RuntimePorts["$done"]);
const native = takeGlobal(global, "$native") as RuntimePorts["$native"];
const requestPart = takeGlobal(global, "$part") as RuntimePorts["$part"];

lockDown(global);

const timers = new Timers(port);
const hostCalls = new HostCalls(port);
const services = new Services(hostCalls, port);
const performance = makePerformance(() => void parts.load("events"));
const parts: Parts = new Parts(global, requestPart, { native, port, hostCalls, timers, services, performance });
parts.offer();
addGlobals({ port, timers, services, parts, performance, realm: global }, (name, value) => addGlobal(global, name, value));

const options = new OptionsState();
const state = { name: "" };
const ctx = new Context(new Log(port, parts), options, state, services);
const flowcell = freeze({ Response, Headers, layers, flowfilter, ctx });

const dispatch = new Dispatch({
  port, timers, hostCalls, services, parts, options, state, flowcell,
  offerModule: (keep) => addGlobal(global, "$module", (body: Parameters<typeof keep>[0]) => {
    takeGlobal(global, "$module");
    keep(body);
  }),
});
define(global, "$guest", dispatch.entries, false);

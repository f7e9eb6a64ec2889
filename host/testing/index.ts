// The module "flowcell/testing": what tests of authors import. Nothing else of this folder is public.
export { loadAddon, AddonFailure, TestAddon, type HttpTestEvent, type LoadAddonSettings, type LoggedLine } from "./load-addon.ts";
export { makeErrorFlow, makeRequestFlow, makeResponseFlow, makeTcpFlow, makeWebSocketFlow, setResponse, type MessageInit, type RequestInit, type ResponseInit, type TestHeadersInit } from "./make-flow.ts";
export type { TestFlow, TestHeaders, TestRequest, TestResponse, TestTcpFlow, TestWebSocketMessage } from "./test-flow.ts";

// What endToEnd takes out of a head and what it leaves, row by row, and that it leaves its input alone.
import test from "ava";
import { HeaderFields } from "../../../host/http/header-fields.ts";
import { endToEnd } from "../../../host/http/hop-by-hop.ts";

const rows: readonly (readonly [name: string, fields: readonly (readonly [string, string])[], left: string])[] = [
  ["nothing to remove", [["Host", "a"], ["X", "1"]], "Host: a\r\nX: 1\r\n"],
  ["Connection alone", [["Host", "a"], ["Connection", "keep-alive"], ["X", "1"]], "Host: a\r\nX: 1\r\n"],
  ["nominated fields, any case, several", [["Connection", "x-One, close"], ["X-ONE", "1"], ["x-one", "2"], ["connection", "Y"], ["y", "3"], ["Z", "4"]], "Z: 4\r\n"],
  ["Keep-Alive and Proxy-Connection without Connection", [["Keep-Alive", "timeout=5"], ["Proxy-Connection", "keep-alive"], ["X", "1"]], "X: 1\r\n"],
  ["TE", [["TE", "gzip"], ["Connection", "TE"], ["X", "1"]], "X: 1\r\n"],
  ["TE: trailers nominated", [["Connection", "keep-alive, te"], ["TE", "trailers"]], "Connection: TE\r\nTE: trailers\r\n"],
  ["TE: trailers not nominated", [["TE", "Trailers"], ["X", "1"]], "TE: Trailers\r\nX: 1\r\n"],
  ["TE: trailers and another", [["TE", "trailers, deflate"]], ""],
  ["framing and routing cannot be nominated away", [["Connection", "Host, Content-Length, Transfer-Encoding, Upgrade"], ["Host", "a"], ["Content-Length", "3"], ["Upgrade", "x"]], "Host: a\r\nContent-Length: 3\r\nUpgrade: x\r\n"],
  ["framing fields stay for the framer", [["Transfer-Encoding", "chunked"], ["Trailer", "X"], ["Upgrade", "x"], ["Proxy-Authorization", "y"]], "Transfer-Encoding: chunked\r\nTrailer: X\r\nUpgrade: x\r\nProxy-Authorization: y\r\n"],
  ["odd Connection", [["Connection", ",, @ ;x, \"y\""], ["X", "1"]], "X: 1\r\n"],
];

test("rows", (t) => {
  for (const [name, pairs, left] of rows) {
    const fields = HeaderFields.from(pairs);
    const before = fields.toBlock();
    const result = endToEnd(fields);
    t.is(result.toBlock(), left, name);
    t.is(fields.toBlock(), before, name);
    t.is(result === fields, before === left, name);
  }
});

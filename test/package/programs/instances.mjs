import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as esm from 'mcp-fleet';
import * as esmTesting from 'mcp-fleet/testing';

const require = createRequire(import.meta.url);
const cjs = require('mcp-fleet');
const cjsTesting = require('mcp-fleet/testing');
assert.notEqual(cjs.McpFleetError, esm.McpFleetError);

for (const { McpManager, ConnectionError, UnknownServerError } of [esm, cjs]) {
  for (const { fakeServer } of [esmTesting, cjsTesting]) {
    const server = fakeServer(() => {});
    await server[Symbol.asyncDispose]();
    const manager = new McpManager({ servers: { gone: server.config } });
    await assert.rejects(manager.client('gone').connect(), isA(ConnectionError));
    assert.throws(() => manager.client('missing'), isA(UnknownServerError));
    await manager.close();
  }
}

/** Of the given class, and of the base class of both formats. */
function isA(type) {
  return (error) => [type, esm.McpFleetError, cjs.McpFleetError].every((one) => error instanceof one);
}

// CommonJS: the same package by require(), without top-level await.
const assert = require('node:assert/strict');
const { McpManager } = require('mcp-fleet');
const { fakeServer } = require('mcp-fleet/testing');

async function main() {
  const greeter = fakeServer((server) => {
    server.registerTool('greet', {}, () => ({ content: [{ type: 'text', text: 'Hello' }] }));
  });
  const manager = new McpManager({ servers: { greeter: greeter.config } });
  try {
    const { content } = await manager.callTool({ name: 'greeter__greet' });
    console.log(content);
    assert.deepEqual(content, [{ type: 'text', text: 'Hello' }]);
  } finally {
    await manager.close();
    await greeter.close();
  }
}

void main();

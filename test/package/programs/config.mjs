import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ConfigError, McpManager } from 'mcp-fleet';
import * as esm from 'mcp-fleet/config';

const require = createRequire(import.meta.url);
const cjs = require('mcp-fleet/config');
writeFileSync('mcp.json', '{ "mcpServers": { "a": { "url": "https://a.test/" } } } // as JSON with comments');

for (const { loadConfig, parseConfig, watchConfig } of [esm, cjs]) {
  assert.deepEqual(await loadConfig('mcp.json'), { a: { url: 'https://a.test/' } });
  assert.throws(
    () => parseConfig({ servers: { a: { heders: {} } } }),
    (error) => error instanceof ConfigError || error.code === 'INVALID_CONFIG',
  );
  // Also with a manager of the other format.
  for (const Manager of [McpManager, require('mcp-fleet').McpManager]) {
    const manager = new Manager();
    const failed = manager.once('error');
    (await watchConfig(manager, 'mcp.json'))();
    assert.deepEqual([...manager.clients.keys()], ['a']);
    (await watchConfig(manager, 'missing.json'))();
    assert.equal((await failed).during, 'config');
    await manager.close();
  }
}

const schema = require('mcp-fleet/config.schema.json');
assert.ok(schema.anyOf[0].properties.mcpServers.additionalProperties.properties.url);

// Starts an MCP server as a child process, lists its tools and calls two of them.
import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { McpManager } from 'mcp-fleet';

const folder = await realpath(await mkdtemp(join(tmpdir(), 'quickstart-')));
await writeFile(join(folder, 'notes.txt'), 'The answer is 42.');

const manager = new McpManager({
  servers: {
    files: { command: 'npx', args: ['-y', '@modelcontextprotocol/server-filesystem', folder] },
  },
});

const { ready, failed } = await manager.connect();
assert.deepEqual(ready, ['files']);
assert.deepEqual(failed, []);

// Every tool of every server, under a name that is unique among them and that every model provider accepts.
const { tools } = await manager.listTools();
console.log(tools.map((tool) => tool.name));
assert(tools.some((tool) => tool.name === 'files__read_text_file'));

const read = await manager.callTool({
  name: 'files__read_text_file',
  arguments: { path: join(folder, 'notes.txt') },
});
console.log(read.content);
assert.deepEqual(read.content, [{ type: 'text', text: 'The answer is 42.' }]);

// A tool that fails is a result, not an exception: a model can read it and try something else.
const missing = await manager.callTool({
  name: 'files__read_text_file',
  arguments: { path: join(folder, 'missing.txt') },
});
console.log(missing);
assert.equal(missing.isError, true);

await manager.close();
await rm(folder, { recursive: true });

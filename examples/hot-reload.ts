// A configuration file that is followed while the service runs: servers come and go without a lost call.
import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { McpManager, type ServersDiff } from 'mcp-fleet';
import { watchConfig } from 'mcp-fleet/config';

const folder = await mkdtemp(join(tmpdir(), 'hot-reload-'));
const file = join(folder, 'mcp.json');

/** Written beside it and moved over it, as editors and deployments do. */
async function save(text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

const everything = { command: 'npx', args: ['-y', '@modelcontextprotocol/server-everything'] };
const files = { command: 'npx', args: ['-y', '@modelcontextprotocol/server-filesystem', `\${DATA_FOLDER}`] };
await save(JSON.stringify({ mcpServers: { everything } }));

const manager = new McpManager();
const unusable = manager.once('error');
let applied = (_diff: ServersDiff) => {};
const stop = await watchConfig(manager, file, {
  env: { ...process.env, DATA_FOLDER: folder },
  onApplied: (diff) => applied(diff),
});
assert.deepEqual([...manager.clients.keys()], ['everything']);

const slow = { name: 'everything__trigger-long-running-operation', arguments: { duration: 2, steps: 2 } };
const call = manager.callTool(slow); // is under way while the file changes
const next = () => new Promise<ServersDiff>((resolve) => (applied = resolve));

// A mistake changes nothing, and is told.
await save('{ "mcpServers": { "files": { "comand": "npx" } } }');
const { error } = await unusable;
console.log(error.message);
assert.match(error.message, /^mcpServers\.files\.comand: is not an option; did you mean command\?/);

// A server more: the first one stays connected.
const change = next();
await save(JSON.stringify({ mcpServers: { everything, files } }));
assert.deepEqual(await change, { added: ['files'], updated: [], removed: [] });
const { tools, failed } = await manager.listTools({ server: 'files' });
console.log(tools.length, 'tools of files', failed);
assert.ok(tools.some(({ toolName }) => toolName === 'list_directory'));
assert.notEqual((await call).isError, true);

stop();
await manager.close();
await rm(folder, { recursive: true });

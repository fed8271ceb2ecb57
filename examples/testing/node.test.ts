// With node:test: a server is recorded once, and tests run on the recording, without the server.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, mock, test } from 'node:test';
import { McpManager } from 'mcp-fleet';
import { recordServer, replayServer } from 'mcp-fleet/testing';

const PACKAGE = '@modelcontextprotocol/server-everything';
const folder = mkdtempSync(join(tmpdir(), 'recordings-'));
const recording = join(folder, 'everything.json');
after(() => rmSync(folder, { recursive: true }));

// In a real project the recording lies beside the tests, and a script of its own makes it anew.
before(async () => {
  await using recorder = recordServer({ command: 'npx', args: ['-y', PACKAGE, 'stdio'] });
  await using manager = new McpManager({ servers: { everything: recorder.config } });
  await manager.listTools();
  await manager.callTool({ name: 'everything__get-sum', arguments: { a: 2, b: 3 } });
  await recorder.save(recording);
});

test('answers as the server did', async () => {
  await using replay = replayServer(recording);
  await using manager = new McpManager({ servers: { everything: replay.config } });
  const { content } = await manager.callTool({ name: 'everything__get-sum', arguments: { a: 2, b: 3 } });
  assert.deepEqual(content, [{ type: 'text', text: 'The sum of 2 and 3 is 5.' }]);
});

test('says what is not in the recording', async () => {
  await using replay = replayServer(recording);
  await using manager = new McpManager({ servers: { everything: replay.config } });
  const call = manager.callTool({ name: 'everything__get-sum', arguments: { a: 2, b: 4 } });
  await assert.rejects(call, /Not in the recording: tools\/call .*"b":4.*; nearest: tools\/call .*"b":3/);
});

test('fails on demand, and time is virtual', async () => {
  await using replay = replayServer(recording);
  await using manager = new McpManager({ servers: { everything: replay.config } });
  await manager.listTools();
  replay.inject({ kind: 'hang' }, { method: 'tools/call' });
  mock.timers.enable({ apis: ['setTimeout'] });
  const call = manager.callTool({ name: 'everything__get-sum', arguments: { a: 2, b: 3 } });
  const failure = assert.rejects(call, { code: 'TIMEOUT', delivery: 'unknown' });
  for (let second = 0; second < 62; second++) {
    mock.timers.tick(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await failure;
  mock.timers.reset();
});

test('is away for a moment, which is no matter', async () => {
  await using replay = replayServer(recording);
  await using manager = new McpManager({ servers: { everything: replay.config } });
  replay.inject({ kind: 'refuse' });
  assert.equal((await manager.listTools()).failed.length, 0);
});

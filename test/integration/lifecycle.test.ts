import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { McpManager } from 'mcp-fleet';
import { expect, test } from 'vitest';
import { mcpHttpServer } from '../fixtures/mcp-http-server.js';
import { deadUrl, hungServer } from '../fixtures/odd-servers.js';
import { stdioServer } from '../fixtures/stdio-servers.js';

const CYCLES = 200;

test(`${CYCLES} managers made and closed leave no session, no connection, no handle and no heap behind`, async () => {
  await using server = await mcpHttpServer({ json: true });
  // In a process of its own, so that what the server keeps of each request does not count.
  const { heapGrowth, handles } = await inProcess<{ heapGrowth: number; handles: string[] }>(`
    import { setTimeout as delay } from 'node:timers/promises';
    import { McpManager } from 'mcp-fleet';
    async function cycles(count) {
      for (let n = 0; n < count; n++) {
        const manager = new McpManager({ servers: { server: { url: ${JSON.stringify(server.url)} } } });
        await manager.callTool({ name: 'server__echo', arguments: { text: 'hi' } });
        await manager.close();
      }
      await delay(100);
      gc();
      return process.memoryUsage().heapUsed;
    }
    await cycles(100);
    const before = await cycles(${CYCLES});
    const after = await cycles(${CYCLES});
    const handles = process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP'));
    process.stdout.write(JSON.stringify({ heapGrowth: after - before, handles }));
  `);
  expect(server.sessions).toEqual([]);
  expect(server.offer.openSessions).toBe(0);
  expect(handles).toEqual([]);
  // A client that stayed would be tens of kilobytes.
  expect(heapGrowth / CYCLES).toBeLessThan(2_000);
});

test('a manager that is closed while it connects leaves nothing behind either', async () => {
  await using hung = await hungServer();
  await using well = await mcpHttpServer();
  const manager = new McpManager({
    servers: {
      hung: { url: hung.url },
      well: { url: well.url },
      dead: { url: await deadUrl() },
      child: stdioServer('mute'),
    },
  });
  const report = manager.connect();
  await Promise.all([manager.close(), manager.close()]);
  const { failed } = await report;
  expect(failed.every(({ error }) => error.code === 'CLOSED' || error.code === 'CONNECT_FAILED')).toBe(true);
  expect(manager.snapshot()).toMatchObject({ status: 'closed' });
  expect(manager.snapshot().servers.map(({ status }) => status)).toEqual([
    'closed',
    'closed',
    'closed',
    'closed',
  ]);
  expect(well.sessions).toEqual([]);
});

test('nothing keeps a process alive after close(), nor the background work of a server that is gone', async () => {
  await using server = await mcpHttpServer();
  const script = `
    import { McpManager } from 'mcp-fleet';
    const manager = new McpManager({ servers: {
      http: { url: ${JSON.stringify(server.url)} },
      child: ${JSON.stringify(stdioServer('plain'))},
      dead: { url: ${JSON.stringify(await deadUrl())} },
    } });
    const { ready, failed } = await manager.connect();
    await manager.close();
    process.stdout.write(JSON.stringify({ ready, failed: failed.map(({ server }) => server) }));
  `;
  expect(await inProcess(script)).toEqual({ ready: ['http', 'child'], failed: ['dead'] });
});

/** Runs a program on the built package; what it prints is JSON. It must end by itself, and without a warning. */
async function inProcess<Printed>(program: string): Promise<Printed> {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', program],
    { timeout: 60_000 },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

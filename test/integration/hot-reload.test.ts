import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type McpFleetError, McpManager } from 'mcp-fleet';
import { watchConfig } from 'mcp-fleet/config';
import { expect, test } from 'vitest';
import { type McpHttpServer, mcpHttpServer } from '../fixtures/mcp-http-server.js';
import type { OfferedTool } from '../fixtures/offer.js';

const CALLS = 2_000;
const CHANGES = 20;
const BROKEN = '{ "mcpServers": { "kept": ';
const IN_FLIGHT = 120;

/** What ran: how often, by the number of the call. */
const ledger = new Map<number, number>();
const work: OfferedTool = {
  tool: { name: 'work', inputSchema: { type: 'object' } },
  run: async ({ call }) => {
    ledger.set(call as number, (ledger.get(call as number) ?? 0) + 1);
    await sleep(((call as number) % 7) * 20);
    return { content: [{ type: 'text', text: String(call) }] };
  },
};

interface Outcome {
  server: string;
  ok: boolean;
  code?: string;
  delivery?: string | undefined;
}

test('under load the file changes 20 times: no call is lost or runs twice, none is refused on servers that stay', {
  timeout: 60_000,
}, async () => {
  const urls: string[] = [];
  const servers: McpHttpServer[] = [];
  for (let count = 0; count < 5; count += 1) servers.push(await mcpHttpServer({ tools: [work], json: true }));
  const gone = await mcpHttpServer();
  for (const { url } of [...servers, gone]) urls.push(url);
  await gone.close();
  const [kept, alsoKept, left, right, extra, dead] = urls;

  const folder = await mkdtemp(join(tmpdir(), 'mcp-fleet-reload-'));
  const file = join(folder, 'mcp.json');
  const write = async (content: string) => {
    await writeFile(`${file}.tmp`, content);
    await rename(`${file}.tmp`, file);
  };
  const config = (moving: object, more: object = {}) =>
    JSON.stringify({ mcpServers: { kept: { url: kept }, moving, also: { url: alsoKept }, ...more } });
  const withExtra = { extra: { url: extra } };
  const changes = Array.from({ length: CHANGES / 5 }, (_, round) => [
    config({ url: left }, withExtra), // added, changed
    config({ url: right, headers: { 'x-round': String(round) } }, withExtra), // changed
    BROKEN,
    config({ url: dead, retry: { attempts: 2 } }), // removed, and broken: nobody listens there
    config({ url: right, callTimeoutMs: 30_000 + round }), // repaired
  ]).flat();

  await using manager = new McpManager();
  const told = { applied: 0, broken: 0, unreachable: 0 };
  manager.on('error', ({ during, server }) => {
    if (during === 'config') told[server === undefined ? 'broken' : 'unreachable'] += 1;
  });
  await write(config({ url: right }));
  const stop = await watchConfig(manager, file, { debounceMs: 20, onApplied: () => (told.applied += 1) });
  await manager.connect();
  const clients = new Map(manager.clients);

  let changing = true;
  const outcomes: Outcome[] = [];
  const running = new Set<Promise<void>>();
  const call = async (number: number) => {
    const server = ['kept', 'moving', 'also', 'extra'][number % 4] as string;
    try {
      await manager.callTool({ server, name: 'work', arguments: { call: number } });
      outcomes[number] = { server, ok: true };
    } catch (error) {
      const { code, delivery } = error as McpFleetError;
      outcomes[number] = { server, ok: false, code, delivery };
    }
  };
  const load = (async () => {
    for (let number = 0; changing || number < CALLS; number += 1) {
      const one = call(number).finally(() => running.delete(one));
      running.add(one);
      if (number % 4 === 0) await sleep(1);
      while (running.size >= IN_FLIGHT) await Promise.race(running);
    }
    await Promise.all(running);
  })();

  let inFlight = 0;
  for (const change of changes) {
    const what = change === BROKEN ? 'broken' : 'applied';
    const before = told[what];
    inFlight += running.size;
    await write(change);
    await expect.poll(() => told[what], { timeout: 10_000, interval: 5 }).toBeGreaterThan(before);
  }
  changing = false;
  await load;
  stop();

  const failed = outcomes.filter(({ ok }) => !ok);
  expect(outcomes.length).toBeGreaterThanOrEqual(CALLS);
  expect(inFlight / CHANGES).toBeGreaterThan(10);
  // Nothing was refused but calls to a server that was not there, and those had not left.
  expect(failed.filter(({ server }) => server !== 'extra')).toEqual([]);
  expect(new Set(failed.map(({ delivery }) => delivery))).toEqual(new Set(['not-sent']));
  for (const [number, { ok }] of outcomes.entries()) expect(ledger.get(number) ?? 0).toBe(ok ? 1 : 0);
  expect(outcomes.filter(({ server, ok }) => server === 'extra' && ok).length).toBeGreaterThan(10);
  // What did not change stayed connected, in one session.
  for (const name of ['kept', 'also']) expect(manager.client(name)).toBe(clients.get(name));
  for (const server of servers.slice(0, 2)) expect(server.sessions).toHaveLength(1);
  expect(manager.client('moving')).not.toBe(clients.get('moving'));
  expect(told).toEqual({ applied: 1 + (CHANGES / 5) * 4, broken: CHANGES / 5, unreachable: CHANGES / 5 });

  await manager.close();
  await Promise.all(servers.map((server) => server.close()));
  await rm(folder, { recursive: true, force: true });
});

import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type { McpFleetError, McpManager, ServerStatus } from 'mcp-fleet';
import { heading, line, shortened, statusTable, styled } from './report.js';
import type { DemoServers } from './servers.js';

/** What the demo shows. It fails as soon as something is not as told. */
export async function tell(manager: McpManager, servers: DemoServers): Promise<void> {
  await connecting(manager);
  await listingTools(manager);
  await calling(manager, servers);
  await reading(manager);
  await replacingTokens(manager, servers);
  const renewed = renewedToken(manager);
  await survivingACrash(manager, servers);
  await renewed;
}

async function connecting(manager: McpManager): Promise<void> {
  heading('Connecting to all of them at once');
  const { ready, failed } = await manager.connect();
  assert.deepEqual(ready, ['everything', 'legacy', 'modern', 'files', 'orders']);
  assert.deepEqual(
    failed.map(({ server, error }) => [server, error.code]),
    [['dead', 'CONNECT_FAILED']],
  );
  statusTable(manager);
  const revisions = ['everything', 'modern'].map((server) => manager.client(server).protocolVersion);
  assert.deepEqual(revisions, ['2025-11-25', '2026-07-28']);
}

async function listingTools(manager: McpManager): Promise<void> {
  heading('Listing the tools of those that can be reached');
  const { tools, failed } = await manager.listTools();
  for (const server of manager.clients.keys()) {
    const names = tools.filter((tool) => tool.server === server).map((tool) => tool.name);
    if (names.length > 0) line(`${String(names.length).padStart(2)}  ${shortened(names.join(', '))}`);
  }
  for (const { server, error } of failed) line(` –  ${server}: ${error.message}`);
  assert.equal(new Set(tools.map((tool) => tool.name)).size, tools.length);
}

async function calling(manager: McpManager, { files }: DemoServers): Promise<void> {
  heading('Calling tools');
  await call(manager, 'everything__get-sum', { a: 19, b: 23 });
  await call(manager, 'legacy__echo', { message: 'Hello over the older transport' });
  await call(manager, 'modern__asks', {}); // asks twice before it answers
  await call(manager, 'files__read_text_file', { path: join(files.directory, 'notes.txt') });
  await call(manager, 'orders__structured', { value: 42 });
  const failed = await call(manager, 'files__read_text_file', { path: '/etc/passwd' });
  assert.equal(failed.isError, true);
  await refused(manager, 'everything__get-sun', {});
  await refused(manager, 'dead__anything', {});
}

async function reading(manager: McpManager): Promise<void> {
  heading('Reading a resource, getting a prompt');
  const { resources } = await manager.listResources({ server: 'everything' });
  const [resource] = resources;
  assert(resource !== undefined);
  const { contents } = await manager.readResource(resource);
  line(`${resource.uri}\n    → ${shortened(JSON.stringify(contents[0]))}`);

  const city = { city: 'Lisbon' };
  const { messages } = await manager.getPrompt({
    server: 'everything',
    name: 'args-prompt',
    arguments: city,
  });
  line(`args-prompt ${JSON.stringify(city)}\n    → ${textOf([messages[0]?.content])}`);
}

async function replacingTokens(manager: McpManager, { login }: DemoServers): Promise<void> {
  heading('A new token on demand');
  await manager.refreshTokens({ server: 'orders' });

  heading('All tokens are revoked, and then 100 calls come at once');
  login.revokeTokens();
  const requestsBefore = login.tokenRequests;
  const outcomes = await manager.callTools(Array.from({ length: 100 }, () => ({ name: 'orders__whoami' })));
  const tokenRequests = login.tokenRequests - requestsBefore;
  line(`${outcomes.filter(({ ok }) => ok).length} calls ok, with ${tokenRequests} token request`);
  assert(outcomes.every(({ ok }) => ok));
  assert.equal(tokenRequests, 1);
}

/** Resolves when a token was renewed ahead of its expiry, with no call waiting for it. */
async function renewedToken(manager: McpManager): Promise<void> {
  for (;;) {
    const { reason, error } = await manager.once('refresh');
    if (reason === 'expiring' && error === undefined) return;
  }
}

async function survivingACrash(manager: McpManager, { everything }: DemoServers): Promise<void> {
  heading('A server crashes in the middle of a call');
  const operation = ['everything__trigger-long-running-operation', { duration: 10, steps: 50 }] as const;
  const lost = await refused(manager, ...operation, () => void everything.kill());
  assert.deepEqual([lost.code, lost.delivery], ['OUTCOME_UNKNOWN', 'unknown']);

  heading('While it is gone, a call to it waits, and the others go on');
  await untilStatus(manager, 'everything', 'reconnecting');
  const waiting = call(manager, 'everything__echo', { message: 'anybody there?' });
  await call(manager, 'legacy__echo', { message: 'still here' });

  heading('It is started again on the same port, and the call is answered');
  await everything.restart();
  await waiting;
  statusTable(manager);
}

async function untilStatus(manager: McpManager, server: string, status: ServerStatus): Promise<void> {
  while (manager.client(server).status !== status) await manager.once('status');
}

async function call(
  manager: McpManager,
  name: string,
  args: Record<string, unknown>,
): Promise<CallToolResult> {
  const startedAt = performance.now();
  const result = await manager.callTool({ name, arguments: args });
  const took = styled('dim', `${(performance.now() - startedAt).toFixed(0)} ms`);
  const text = textOf(result.content);
  line(`${name} ${shortened(JSON.stringify(args))}`);
  line(`  → ${result.isError ? styled('yellow', `isError: ${text}`) : text}  ${took}`);
  return result;
}

/** A call that must not succeed. */
async function refused(
  manager: McpManager,
  name: string,
  args: Record<string, unknown>,
  onProgress?: () => void,
): Promise<McpFleetError> {
  line(`${name} ${shortened(JSON.stringify(args))}`);
  const [outcome] = await manager.callTools([{ name, arguments: args }], {
    ...(onProgress && { onProgress }),
  });
  assert(outcome?.ok === false);
  const { code, delivery, message } = outcome.error;
  line(`  ${styled('red', '✗')} ${code}, ${delivery}: ${message}`);
  return outcome.error;
}

function textOf(content: readonly unknown[]): string {
  const texts = content.map((part) => (part as { text?: string }).text ?? '');
  return shortened(texts.join(' '));
}

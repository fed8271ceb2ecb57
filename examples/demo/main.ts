// Real MCP servers over HTTP and stdio, one of them behind OAuth, one dead: all through one McpManager.
import { setTimeout as delay } from 'node:timers/promises';
import { clientCredentials, McpManager } from 'mcp-fleet';
import { heading, line, reportEvents, styled, table } from './report.js';
import { type DemoServers, startServers } from './servers.js';
import { tell } from './story.js';

const LIMIT_MS = 30_000;
/** For what does not end even then. */
const LAST_RESORT_MS = 45_000;

async function demo(): Promise<void> {
  await using servers = await startServers({ tokenLifetimeSeconds: 6 });
  introduce(servers);

  await using manager = new McpManager({
    servers: {
      everything: { url: servers.everything.url },
      legacy: { url: servers.legacy.url },
      modern: { url: servers.modern.url },
      files: { command: servers.files.command, args: servers.files.args },
      orders: {
        url: servers.orders.url,
        auth: clientCredentials({
          issuer: servers.login.issuer,
          ...servers.login.clients.post,
          scopes: ['read'],
        }),
      },
      dead: { url: servers.deadUrl },
    },
    handlers: { elicitation: async ({ message }) => ({ action: 'accept', content: answerTo(message) }) },
    callTimeoutMs: 10_000,
    drainTimeoutMs: 1_000,
  });
  reportEvents(manager);
  await Promise.race([tell(manager, servers), limit()]);

  heading('Closing');
}

/** What a person would type. */
function answerTo(question: string): Record<string, string> {
  return question === 'Who?' ? { name: 'Ann' } : { city: 'Lisbon' };
}

function introduce({ everything, legacy, modern, files, orders, login, deadUrl }: DemoServers): void {
  heading('The servers');
  table([
    ['everything', 'server-everything over Streamable HTTP', everything.url],
    ['legacy', 'server-everything over HTTP+SSE', legacy.url],
    ['modern', 'a server of 2026-07-28, without sessions', modern.url],
    ['files', 'server-filesystem over stdio', files.directory],
    ['orders', `takes tokens of the oidc-provider ${login.issuer}`, orders.url],
    ['dead', 'nobody listens there', deadUrl],
  ]);
}

async function limit(): Promise<never> {
  await delay(LIMIT_MS, undefined, { ref: false });
  throw new Error(`It is not done after ${LIMIT_MS / 1_000} s`);
}

/** Node still holds the handle of a process for a moment after its exit. */
async function checkThatNothingIsLeft(): Promise<void> {
  await delay(100);
  const left = process.getActiveResourcesInfo().filter((resource) => /Process|TCP/.test(resource));
  if (left.length > 0) throw new Error(`Left behind: ${left.join(', ')}`);
  line(`No process and no connection is left, after ${(performance.now() / 1_000).toFixed(1)} s.`);
}

function fail(error: unknown): void {
  console.error(`\n${styled('red', 'The demo failed.')}`, error);
  process.exitCode = 1;
}

setTimeout(() => {
  fail(new Error(`The process does not end after ${LAST_RESORT_MS / 1_000} s`));
  process.exit();
}, LAST_RESORT_MS).unref();

await demo().then(checkThatNothingIsLeft).catch(fail);

import { createServer } from 'node:http';
import { McpManager } from 'mcp-fleet';
import { createRestHandler, toNodeListener } from 'mcp-fleet/rest';
import { fakeServer } from 'mcp-fleet/testing';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { listenOnLoopback } from '../fixtures/loopback.js';

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    // Chromium has no sandbox for root, and without the rest it looks for its makers' servers.
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      // As a name server does whose owner wants a page of his to be one of this machine.
      '--host-resolver-rules=MAP evil.example 127.0.0.1',
    ],
  });
});
afterAll(() => browser?.close());

/** A page, and all that went wrong in it. */
async function newPage(): Promise<{ page: Page; problems: string[]; requested: string[] }> {
  const context = await browser.newContext();
  const page = await context.newPage();
  onTestFinished(() => context.close());
  const problems: string[] = [];
  const requested: string[] = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => requested.push(request.url()));
  return { page, problems, requested };
}

async function serve(options: { authorization?: string; asksNobody?: boolean } = {}) {
  const shop = fakeServer((server) => {
    server.registerTool(
      'greet',
      { description: '<img src=x onerror="document.title=1">', inputSchema: { name: z.string() } },
      ({ name }) => ({ content: [{ type: 'text', text: `Hello, ${name}` }] }),
    );
  });
  const manager = new McpManager({ servers: { shop: shop.config } });
  const handler = createRestHandler(manager, {
    authorize: options.asksNobody
      ? 'allow-all'
      : (request) =>
          options.authorization === undefined ||
          request.headers.get('authorization') === options.authorization,
    basePath: '/mcp',
  });
  const door = toNodeListener(handler);
  const loopback = await listenOnLoopback(
    createServer((request, response) => {
      // What a page had before its name came to lead to the door: its own origin.
      if (request.url === '/mcp/attack') response.setHeader('content-type', 'text/html').end('<p>evil</p>');
      else door(request, response);
    }),
  );
  onTestFinished(async () => {
    await manager.close();
    await shop.close();
    await loopback.close();
  });
  return { url: `http://127.0.0.1:${loopback.port}/mcp/docs`, shop, manager, port: loopback.port };
}

describe('the page', () => {
  test('lists tools, calls one, and shows its result and the event of it', async () => {
    const { url, shop } = await serve();
    const { page, problems, requested } = await newPage();
    await page.goto(url);
    await page.getByText('live').waitFor();
    await page.getByRole('button', { name: 'shop · greet' }).click();
    expect(await page.locator('#description').textContent()).toContain('<img');
    expect(await page.locator('#schema').textContent()).toContain('"required"');
    expect(await page.getByLabel('Arguments (JSON)').inputValue()).toBe('{\n  "name": ""\n}');
    await page.getByLabel('Arguments (JSON)').fill('{"name":"Ada"}');
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await page.locator('#result').getByText('Hello, Ada').waitFor();
    await page
      .locator('#events li')
      .filter({ hasText: '"outcome":"ok"' })
      .filter({ hasText: 'greet' })
      .waitFor();
    expect(await page.locator('#routes tr').count()).toBeGreaterThan(15);
    expect(shop.calls).toEqual([{ tool: 'greet', arguments: { name: 'Ada' } }]);
    expect(new Set(requested.map((one) => new URL(one).origin))).toEqual(new Set([new URL(url).origin]));
    expect(await page.title()).toBe('MCP servers over REST');
    expect(problems).toEqual([]);
  });

  test('says what is wrong with a call', async () => {
    const { url } = await serve();
    const { page } = await newPage();
    await page.goto(url);
    await page.getByRole('button', { name: 'shop · greet' }).click();
    await page.getByLabel('Arguments (JSON)').fill('{"name":');
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await page.locator('#result').getByText(/JSON/).waitFor();
  });

  test('shows events that others cause', async () => {
    const { url, manager } = await serve();
    const { page } = await newPage();
    await page.goto(url);
    await page.getByText('live').waitFor();
    manager.addServer('another', { url: 'https://another.example/mcp' });
    await page.locator('#events li').filter({ hasText: '"added":["another"]' }).waitFor();
  });

  test('sends the authorization that is typed in', async () => {
    const { url } = await serve({ authorization: 'Bearer a-key' });
    const { page } = await newPage();
    await page.goto(url);
    await page.getByRole('alert').getByText('Forbidden').waitFor();
    await page.getByLabel('Authorization').fill('Bearer a-key');
    await page.getByRole('button', { name: 'Load' }).click();
    await page.getByRole('button', { name: 'shop · greet' }).waitFor();
    await page.getByText('live').waitFor();
  });

  test('cannot be framed, nor be called by the script of another page', async () => {
    const { port } = await serve();
    const evil = await listenOnLoopback(
      createServer((_request, response) => {
        response.setHeader('content-type', 'text/html');
        response.end(`<iframe src="http://127.0.0.1:${port}/mcp/docs"></iframe>`);
      }),
    );
    onTestFinished(evil.close);
    const { page, problems } = await newPage();
    await page.goto(`http://localhost:${evil.port}/`);
    await expect.poll(() => problems.join()).toMatch(/frame-ancestors/);
    const outcome = await page.evaluate(async (target) => {
      const attempts = [
        fetch(`${target}/servers`).then(() => 'read'),
        fetch(`${target}/oauth/refresh`, { method: 'POST' }).then(() => 'posted'),
        fetch(`${target}/servers`, { mode: 'no-cors' }).then(
          (response) => `${response.type} ${response.status}`,
        ),
      ];
      const settled = await Promise.allSettled(attempts);
      return settled.map((one) => (one.status === 'fulfilled' ? one.value : 'refused'));
    }, `http://127.0.0.1:${port}/mcp`);
    expect(outcome).toEqual(['refused', 'refused', 'refused']);
  });

  test('and its data are not to be read by a page whose name was made to lead here', async () => {
    const { port, shop } = await serve({ asksNobody: true });
    const { page } = await newPage();
    await page.goto(`http://evil.example:${port}/mcp/attack`);
    const statuses = await page.evaluate(async () => {
      const paths = ['servers', 'tools', 'events', 'openapi.json', 'health', 'servers/status?probe=true'];
      const reads = paths.map(async (path) => (await fetch(path)).status);
      const call = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
      return Promise.all([...reads, fetch('tools/call', call).then(({ status }) => status)]);
    });
    expect(statuses).toEqual(new Array(7).fill(403));
    expect(shop.calls).toEqual([]);
    expect((await page.goto(`http://localhost:${port}/mcp/`))?.status()).toBe(200);
    await page.getByText('live').waitFor();
  });
});

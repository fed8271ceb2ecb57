import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { McpManager } from 'mcp-fleet';
import { createRestHandler } from 'mcp-fleet/rest';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { listenOnLoopback } from '../fixtures/loopback.js';

/** Listens on every address of this machine, and counts who comes. */
const sink = createServer((socket: Socket) => {
  connections++;
  socket.on('error', () => {}).destroy();
});
let connections = 0;
let port = 0;

beforeAll(async () => {
  await once(sink.listen(0), 'listening');
  port = (sink.address() as AddressInfo).port;
});
afterAll(() => void sink.close());

/** Hosts that lead, or may lead, to this machine or to a network that is nobody else's. */
const HOSTS = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '017700000001',
  '0',
  '0.0.0.0',
  '0x0',
  '①②⑦.⓪.⓪.①',
  '１２７.０.０.１',
  '127。0。0。1',
  '%31%32%37.0.0.1',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'ｌｏｃａｌｈｏｓｔ',
  'a.localhost',
  'ip6-localhost',
  'ip6-loopback',
  hostname(),
  '[::1]',
  '[::]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2001::7f00:1]',
  '[fe80::1]',
  '[fc00::1]',
  '[fd00:ec2::254]',
  '[ff02::1]',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.0.1',
  '100.64.0.1',
  '100.100.100.200',
  '169.254.169.254',
  '0xa9fea9fe',
  '168.63.129.16',
  '192.0.0.192',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
];

/** URLs that try to hide where they lead. */
const DISGUISES = [
  (host: string) => `http://8.8.8.8@${host}/`,
  (host: string) => `http://8.8.8.8:80@${host}/`,
  (host: string) => `http:\\\\${host}/`,
  (host: string) => `http:/${host}/`,
  (host: string) => `http:${host}/`,
  (host: string) => `  http://${host}/`,
  (host: string) => `ht\ntp://${host}/`,
  (host: string) => `http://${host}/#@8.8.8.8/`,
  (host: string) => `http://${host}?@8.8.8.8/`,
  (host: string) => `http://${host}\\@8.8.8.8/`,
  (host: string) => `file://${host}/`,
  (host: string) => `gopher://${host}/`,
];

function door(allowedHosts: string[] = []) {
  const manager = new McpManager({
    connectTimeoutMs: 10_000,
    callTimeoutMs: 10_000,
    healthCheck: false,
    retry: false,
  });
  onTestFinished(() => manager.close({ drainTimeoutMs: 0 }));
  const handler = createRestHandler(manager, { authorize: 'allow-all', allowedHosts });
  const ask = async (path: string, body?: object) => {
    const init = body && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    const response = await handler(new Request(`http://localhost${path}`, init));
    return { status: response.status, json: await response.json() };
  };
  /** Adds a server and does with it what makes it connect. */
  const reach = async (server: object) => {
    const added = await ask('/servers', { name: 'target', ...server });
    if (added.status !== 201) return added;
    await ask('/oauth/refresh', {});
    await ask('/servers/status?probe=true');
    return ask('/tools?server_name=target');
  };
  return { manager, ask, reach };
}

async function expectNobodyReached(server: object, allowedHosts?: string[]): Promise<void> {
  const before = connections;
  const { status, json } = await door(allowedHosts).reach(server);
  if (status === 200)
    expect(json).toMatchObject({ tools: {}, errors: { target: { code: expect.any(String) } } });
  else expect(status).toBe(400);
  expect(connections).toBe(before);
}

test('control: the sink counts who comes', async () => {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'close');
  expect(connections).toBe(1);
});

test('control: an allowed host is reached', async () => {
  const before = connections;
  await door([`127.0.0.1:${port}`]).reach({ url: `http://127.0.0.1:${port}/` });
  expect(connections).toBeGreaterThan(before);
});

describe.each([
  ['http', (host: string) => ({ type: 'http', url: `http://${host}:${port}/mcp` })],
  ['sse', (host: string) => ({ type: 'sse', url: `https://${host}:${port}/sse` })],
  ['auto', (host: string) => ({ url: `http://${host}:${port}/` })],
  ['ws', (host: string) => ({ url: `ws://${host}:${port}/` })],
  [
    'token endpoint',
    (host: string) => ({ ...CREDENTIALS, oauth2_token_url: `https://${host}:${port}/token` }),
  ],
  ['issuer', (host: string) => ({ ...CREDENTIALS, oauth2_issuer: `https://${host}:${port}` })],
])('as %s', (_entrance, serverAt) => {
  test.each(HOSTS)('%s is not reached', async (host) => expectNobodyReached(serverAt(host)));
});

describe('in disguise', () => {
  test.each(DISGUISES.map((disguise) => [disguise('HOST'), disguise]))('%j', async (_shown, disguise) => {
    await expectNobodyReached({ url: disguise(`127.0.0.1:${port}`) });
  });
});

const CREDENTIALS = {
  url: 'https://8.8.8.8:1/',
  oauth2_client_id: 'client',
  oauth2_client_secret: 'a-secret',
};

describe('by way of a server that may be reached', () => {
  async function helper(answer: (origin: string) => { status: number; headers: object; body: string }) {
    let origin = '';
    const server = createHttpServer((_request, response) => {
      const { status, headers, body } = answer(origin);
      response.writeHead(status, headers as Record<string, string>).end(body);
    });
    const loopback = await listenOnLoopback(server);
    onTestFinished(loopback.close);
    origin = `http://127.0.0.1:${loopback.port}`;
    return { origin, host: `127.0.0.1:${loopback.port}` };
  }

  test.each([301, 302, 303, 307, 308])('a redirect (%d) leads nowhere else', async (status) => {
    const location = `http://127.0.0.1:${port}/`;
    const { origin, host } = await helper(() => ({ status, headers: { location }, body: '' }));
    await expectNobodyReached({ url: origin }, [host]);
  });

  test('the endpoint event of the older transport leads nowhere else', async () => {
    const { origin, host } = await helper(() => ({
      status: 200,
      headers: { 'content-type': 'text/event-stream' },
      body: `event: endpoint\ndata: http://127.0.0.1:${port}/\n\n`,
    }));
    await expectNobodyReached({ type: 'sse', url: origin }, [host]);
  });

  test.each(['127.0.0.1', 'ip6-localhost', '[::1]'])(
    'the metadata of an issuer do not lead the secret to %s',
    async (target) => {
      const { origin, host } = await helper((issuer) => ({
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ issuer, token_endpoint: `https://${target}:${port}/token` }),
      }));
      await expectNobodyReached({ ...CREDENTIALS, oauth2_issuer: origin }, [host]);
    },
  );
});

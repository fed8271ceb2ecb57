import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createGzip } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { createHttpClient, type HttpClient } from '../../../src/net/http-client.js';
import { listenOnLoopback } from '../../fixtures/loopback.js';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Stub {
  readonly origin: string;
  readonly host: string;
  readonly port: number;
  /** Connections so far, the closed ones too. */
  readonly connections: number;
  readonly openConnections: number;
  /** Breaks every open connection. */
  dropConnections(): void;
}

export interface HttpStub extends Stub {
  /** Requests that have arrived with their whole body. */
  readonly requests: readonly Seen[];
}

/** An HTTP server on loopback until the test ends. `answer` runs when the whole request has arrived. */
export async function httpServer(answer: RequestListener): Promise<HttpStub> {
  const requests: Seen[] = [];
  let connections = 0;
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    try {
      requests.push({ method, url, headers, body: (await request.setEncoding('utf8').toArray()).join('') });
      answer(request, response);
    } catch {
      response.destroy();
    }
  });
  server.on('connection', () => {
    connections++;
  });
  const loopback = await listenOnLoopback(server);
  onTestFinished(() => loopback.close());
  return {
    ...addresses(loopback.port),
    requests,
    get connections() {
      return connections;
    },
    get openConnections() {
      return loopback.openConnections;
    },
    dropConnections: loopback.dropConnections,
  };
}

/** A TCP server on loopback until the test ends. */
export async function tcpServer(accept: (socket: Socket) => void): Promise<Stub> {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections++;
    accept(socket);
  });
  const loopback = await listenOnLoopback(server);
  onTestFinished(() => loopback.close());
  return {
    ...addresses(loopback.port),
    get connections() {
      return connections;
    },
    get openConnections() {
      return loopback.openConnections;
    },
    dropConnections: loopback.dropConnections,
  };
}

/** A TCP server that answers whatever comes with these bytes, and keeps the connection open. */
export function rawServer(...answer: (string | Uint8Array)[]): Promise<Stub> {
  return tcpServer((socket) => {
    socket.once('data', () => {
      for (const part of answer) socket.write(part);
    });
  });
}

/** A port on loopback where nobody listens. */
export async function closedPort(): Promise<number> {
  await using loopback = await listenOnLoopback(createTcpServer());
  return loopback.port;
}

/**
 * A port on loopback where connecting never ends: its server is asleep and its queue of connections is full.
 * Until the test ends.
 */
export async function blackHole(): Promise<{ origin: string; host: string }> {
  const wakeUp = new Int32Array(new SharedArrayBuffer(4));
  const program = `
    const { parentPort, workerData } = require('node:worker_threads');
    const server = require('node:net').createServer();
    server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(workerData, 0, 0);
    });`;
  const worker = new Worker(program, { eval: true, workerData: wakeUp });
  const fillers: Socket[] = [];
  onTestFinished(async () => {
    for (const filler of fillers) filler.destroy();
    Atomics.store(wakeUp, 0, 1);
    Atomics.notify(wakeUp, 0);
    await worker.terminate();
  });
  const [port] = (await once(worker, 'message')) as [number];
  for (let full = false; !full; ) {
    const filler = connect(port, '127.0.0.1').on('error', () => {});
    fillers.push(filler);
    full = await Promise.race([once(filler, 'connect').then(() => false), delay(250, true, { ref: false })]);
  }
  return addresses(port);
}

/** So many megabytes of zeros in gzip, made without holding them. */
export async function zerosInGzip(megabytes: number): Promise<Buffer> {
  const gzip = createGzip();
  const chunks = gzip.toArray();
  const zeros = Buffer.alloc(1_048_576);
  for (let i = 0; i < megabytes; i++) gzip.write(zeros);
  gzip.end();
  return Buffer.concat(await chunks);
}

/** A client whose connections end with the test. */
export function httpClient(connectTimeoutMs = 10_000): HttpClient {
  const client = createHttpClient({ connectTimeoutMs });
  onTestFinished(() => client.close());
  return client;
}

function addresses(port: number): { origin: string; host: string; port: number } {
  return { origin: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, port };
}

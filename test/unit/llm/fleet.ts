import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { McpManager } from 'mcp-fleet';
import { type FakeServer, fakeServer } from 'mcp-fleet/testing';
import { z } from 'zod';

export const PNG = 'iVBORw0KGgo=';

/** Results by name, for the tool `show`. */
export const RESULTS: Record<string, CallToolResult> = {
  text: {
    content: [
      { type: 'text', text: 'one' },
      { type: 'text', text: 'two' },
    ],
  },
  image: {
    content: [
      { type: 'text', text: 'Look:' },
      { type: 'image', data: PNG, mimeType: 'image/png' },
    ],
  },
  bitmap: { content: [{ type: 'image', data: PNG, mimeType: 'image/bmp' }] },
  audio: { content: [{ type: 'audio', data: 'UklGRg==', mimeType: 'audio/x-wav' }] },
  link: {
    content: [
      {
        type: 'resource_link',
        uri: 'file:///a.txt',
        name: 'a.txt',
        mimeType: 'text/plain',
        description: 'A',
      },
    ],
  },
  embedded: {
    content: [
      { type: 'resource', resource: { uri: 'file:///a.txt', text: 'Hello', mimeType: 'text/plain' } },
    ],
  },
  pdf: {
    content: [
      {
        type: 'resource',
        resource: { uri: 'file:///docs/a.pdf?x=1', blob: 'JVBERi0=', mimeType: 'application/pdf' },
      },
    ],
  },
  'text as blob': {
    content: [
      {
        type: 'resource',
        resource: { uri: 'file:///a.json', blob: btoa('{"a":1}'), mimeType: 'application/json' },
      },
    ],
  },
  structured: { content: [], structuredContent: { answer: 42 } },
  'structured and told': {
    content: [{ type: 'text', text: '{ "answer": 42 }' }],
    structuredContent: { answer: 42 },
  },
  'structured and a text': { content: [{ type: 'text', text: 'Found' }], structuredContent: { answer: 42 } },
  empty: { content: [] },
  error: { content: [{ type: 'text', text: 'no such file' }], isError: true },
  'error with image': {
    content: [
      { type: 'text', text: 'broken' },
      { type: 'image', data: PNG, mimeType: 'image/png' },
    ],
    isError: true,
  },
};

export interface Fleet extends AsyncDisposable {
  readonly manager: McpManager;
  readonly files: FakeServer;
  readonly math: FakeServer;
}

/** Two servers: `files` with `read`, `search`, `show` and `wait`, and `1math` with `add`. */
export function testFleet(): Fleet {
  const files = fakeServer((server) => {
    server.registerTool(
      'read',
      { inputSchema: { path: z.string(), limit: z.number().optional() } },
      ({ path }) => ({
        content: [{ type: 'text', text: `content of ${path}` }],
      }),
    );
    server.registerTool('search', { inputSchema: { 'search term': z.string().nullish() } }, (args) => ({
      content: [{ type: 'text', text: JSON.stringify(args) }],
    }));
    server.registerTool('show', { inputSchema: { what: z.string() } }, ({ what }) => {
      const result = RESULTS[what];
      if (result === undefined) throw new Error(`nothing called ${what}`);
      return result;
    });
    server.registerTool('wait', {}, ({ signal }) => {
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
  });
  const math = fakeServer((server) => {
    server.registerTool('add', { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => ({
      content: [{ type: 'text', text: String(a + b) }],
    }));
  });
  const manager = new McpManager({ servers: { files: files.config, '1math': math.config } });
  return {
    manager,
    files,
    math,
    async [Symbol.asyncDispose]() {
      await manager.close();
      await Promise.all([files.close(), math.close()]);
    },
  };
}

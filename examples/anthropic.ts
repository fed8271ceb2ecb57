// Anthropic's own SDK over a fleet of two servers: two rounds of tool calls, then the answer. The model is a script
// behind msw, so that this runs offline; without it and with an API key, the loop stays as it is.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { McpManager } from 'mcp-fleet';
import { runAnthropicToolUses, toAnthropicTools } from 'mcp-fleet/llm';
import { fakeServer } from 'mcp-fleet/testing';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { z } from 'zod';

const data = 'iVBORw0KGgo=';
const photos = fakeServer((server) => {
  server.registerTool('latest', {}, () => ({ content: [{ type: 'image', data, mimeType: 'image/png' }] }));
});
const notes = fakeServer((server) => {
  server.registerTool('write', { inputSchema: { text: z.string() } }, () => {
    throw new Error('The disk is full');
  });
});
const manager = new McpManager({ servers: { photos: photos.config, notes: notes.config } });

const rounds = [
  [{ type: 'tool_use', id: 't1', name: 'photos__latest', input: {} }],
  [{ type: 'tool_use', id: 't2', name: 'notes__write', input: { text: 'A dot' } }],
  [{ type: 'text', text: 'It shows a dot, which I could not write down.' }],
];
const requests: { messages: { content: unknown }[] }[] = [];
const script = http.post('https://api.anthropic.com/v1/messages', async ({ request }) => {
  const content = rounds[requests.length];
  requests.push((await request.json()) as (typeof requests)[number]);
  return HttpResponse.json({ type: 'message', role: 'assistant', content });
});
const api = setupServer(script);
api.listen({ onUnhandledRequest: 'error' });

const anthropic = new Anthropic({ apiKey: process.env.ANTHROPIC_API_KEY ?? 'none' });
const tools = toAnthropicTools((await manager.listTools()).tools);
const question = 'What is on the latest photo? Write it down.';
const messages: Anthropic.MessageParam[] = [{ role: 'user', content: question }];
let answer: Anthropic.ContentBlock[] | undefined;
while (answer === undefined) {
  const request = { model: 'claude-opus-4-8', max_tokens: 1024, tools, messages };
  const { content } = await anthropic.messages.create(request);
  const results = await runAnthropicToolUses(manager, content);
  messages.push({ role: 'assistant', content }, ...results);
  if (results.length === 0) answer = content;
}

assert.deepEqual(answer, rounds[2]);
const [, , first, , second] = requests[2]?.messages ?? [];
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } };
assert.deepEqual(first?.content, [{ type: 'tool_result', tool_use_id: 't1', content: [image] }]);
const full = { type: 'text', text: 'The disk is full' };
assert.deepEqual(second?.content, [
  { type: 'tool_result', tool_use_id: 't2', content: [full], is_error: true },
]);
api.close();
await Promise.all([manager.close(), photos.close(), notes.close()]);

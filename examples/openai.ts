// OpenAI's own SDK over a fleet of two servers: two rounds of tool calls, then the answer. The model is a script
// behind msw, so that this runs offline; without it and with an API key, the loop stays as it is.
import assert from 'node:assert/strict';
import { McpManager } from 'mcp-fleet';
import { runOpenAIToolCalls, toOpenAITools } from 'mcp-fleet/llm';
import { fakeServer } from 'mcp-fleet/testing';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import OpenAI from 'openai';
import { z } from 'zod';

const said = (text: string) => ({ content: [{ type: 'text' as const, text }] });
const weather = fakeServer((server) => {
  const inputSchema = { city: z.string(), day: z.string().optional() };
  server.registerTool('rain', { inputSchema }, ({ city }) => said(`${city}: rain all day`));
});
const planner = fakeServer((server) => {
  const inputSchema = { event: z.string(), to: z.string() };
  server.registerTool('move', { inputSchema }, ({ event, to }) => said(`${event} is on ${to} now`));
});
const manager = new McpManager({ servers: { weather: weather.config, calendar: planner.config } });

function call(id: string, name: string, input = {}) {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(input) } };
}
const rounds = [
  // In strict mode `null` is the model's way to leave the day out. And no tool has the second name.
  { tool_calls: [call('c1', 'weather__rain', { city: 'Bergen', day: null }), call('c2', 'calendar__mvoe')] },
  { tool_calls: [call('c3', 'calendar__move', { event: 'Picnic', to: 'Sunday' })] },
  { content: 'It rains on Saturday: the picnic is on Sunday now.' },
];
const requests: { messages: object[] }[] = [];
const script = http.post('https://api.openai.com/v1/chat/completions', async ({ request }) => {
  const message = { role: 'assistant', ...rounds[requests.length] };
  requests.push((await request.json()) as { messages: object[] });
  return HttpResponse.json({ choices: [{ message }] });
});
const api = setupServer(script);
api.listen({ onUnhandledRequest: 'error' });

const openai = new OpenAI({ apiKey: process.env.OPENAI_API_KEY ?? 'none' });
const { tools } = await manager.listTools();
const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Will the picnic be dry?' }];
let answer: string | null | undefined;
while (answer === undefined) {
  const request = { model: 'gpt-5.5', tools: toOpenAITools(tools, { strict: true }), messages };
  const { message } = (await openai.chat.completions.create(request)).choices[0] ?? {};
  messages.push(message ?? { role: 'assistant' });
  if (!message?.tool_calls?.length) answer = message?.content ?? null;
  else messages.push(...(await runOpenAIToolCalls(manager, message.tool_calls, { strict: true })));
}

assert.equal(answer, rounds[2]?.content);
assert.deepEqual(weather.calls, [{ tool: 'rain', arguments: { city: 'Bergen' } }]);
assert.deepEqual(planner.calls, [{ tool: 'move', arguments: { event: 'Picnic', to: 'Sunday' } }]);
assert.match(JSON.stringify(requests[1]), /Bergen: rain all day.*no tool .*nearest: calendar__move/);
api.close();
await Promise.all([manager.close(), weather.close(), planner.close()]);

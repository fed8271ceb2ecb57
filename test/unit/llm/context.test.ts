import type { GetPromptResult, ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import * as llm from 'mcp-fleet/llm';
import { expect, test } from 'vitest';
import { PNG } from './fleet.js';

const prompt: GetPromptResult = {
  messages: [
    { role: 'user', content: { type: 'text', text: 'What is this?' } },
    { role: 'user', content: { type: 'image', data: PNG, mimeType: 'image/png' } },
    { role: 'user', content: { type: 'resource', resource: { uri: 'file:///a.txt', text: 'Hello' } } },
    { role: 'assistant', content: { type: 'image', data: PNG, mimeType: 'image/png' } },
    { role: 'user', content: { type: 'text', text: ' ' } },
    { role: 'assistant', content: { type: 'text', text: 'A dot.' } },
  ],
};
const resource: ReadResourceResult = {
  contents: [
    { uri: 'file:///a.txt', text: 'Hello', mimeType: 'text/plain' },
    { uri: 'file:///b.pdf', blob: 'JVBERi0=', mimeType: 'application/pdf' },
    { uri: 'file:///c.bin', blob: 'AAAA' },
  ],
};
const unseen = '[image/png, 9 bytes, not shown]';
const binary = '[application/octet-stream, 3 bytes, file:///c.bin, not shown]';

test('prompts become messages of chat completions', () => {
  expect(llm.promptToOpenAIMessages(prompt)).toEqual([
    { role: 'user', content: [{ type: 'text', text: 'What is this?' }] },
    { role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }] },
    { role: 'user', content: [{ type: 'text', text: 'Resource file:///a.txt:\nHello' }] },
    { role: 'assistant', content: unseen },
    { role: 'user', content: [{ type: 'text', text: ' ' }] },
    { role: 'assistant', content: 'A dot.' },
  ]);
});

test('prompts become input of responses', () => {
  const messages = llm.promptToOpenAIMessages(prompt, { api: 'responses', accepts: ['image', 'audio'] });
  expect(messages.slice(0, 2)).toEqual([
    { role: 'user', content: [{ type: 'input_text', text: 'What is this?' }] },
    {
      role: 'user',
      content: [{ type: 'input_image', image_url: `data:image/png;base64,${PNG}`, detail: 'auto' }],
    },
  ]);
  expect(messages.at(-1)).toEqual({ role: 'assistant', content: 'A dot.' });
});

test('prompts become messages of Anthropic, without empty ones', () => {
  expect(llm.promptToAnthropicMessages(prompt)).toEqual([
    { role: 'user', content: [{ type: 'text', text: 'What is this?' }] },
    {
      role: 'user',
      content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }],
    },
    { role: 'user', content: [{ type: 'text', text: 'Resource file:///a.txt:\nHello' }] },
    { role: 'assistant', content: [{ type: 'text', text: unseen }] },
    { role: 'assistant', content: [{ type: 'text', text: 'A dot.' }] },
  ]);
});

test('prompts become contents of Gemini', () => {
  expect(llm.promptToGeminiContents(prompt).slice(1, 4)).toEqual([
    { role: 'user', parts: [{ inlineData: { mimeType: 'image/png', data: PNG } }] },
    { role: 'user', parts: [{ text: 'Resource file:///a.txt:\nHello' }] },
    { role: 'model', parts: [{ inlineData: { mimeType: 'image/png', data: PNG } }] },
  ]);
});

test('prompts become messages of the AI SDK', () => {
  expect(llm.promptToAISDKMessages(prompt).slice(0, 4)).toEqual([
    { role: 'user', content: [{ type: 'text', text: 'What is this?' }] },
    { role: 'user', content: [{ type: 'file', data: PNG, mediaType: 'image/png' }] },
    { role: 'user', content: [{ type: 'text', text: 'Resource file:///a.txt:\nHello' }] },
    { role: 'assistant', content: unseen },
  ]);
});

test('resources become context of each vendor', () => {
  const text = 'Resource file:///a.txt:\nHello';
  const file_data = 'data:application/pdf;base64,JVBERi0=';
  expect(llm.resourceToText(resource)).toBe(
    `${text}\n[application/pdf, 6 bytes, file:///b.pdf, not shown]\n${binary}`,
  );
  expect(llm.resourceToOpenAIContent(resource)).toEqual([
    { type: 'text', text },
    { type: 'file', file: { filename: 'b.pdf', file_data } },
    { type: 'text', text: binary },
  ]);
  expect(llm.resourceToOpenAIContent(resource, { api: 'responses' })).toEqual([
    { type: 'input_text', text },
    { type: 'input_file', filename: 'b.pdf', file_data },
    { type: 'input_text', text: binary },
  ]);
  expect(llm.resourceToAnthropicContent(resource)).toEqual([
    {
      type: 'document',
      source: { type: 'text', media_type: 'text/plain', data: 'Hello' },
      title: 'file:///a.txt',
    },
    {
      type: 'document',
      source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' },
      title: 'file:///b.pdf',
    },
    { type: 'text', text: binary },
  ]);
  expect(llm.resourceToGeminiParts(resource)).toEqual([
    { text },
    { inlineData: { mimeType: 'application/pdf', data: 'JVBERi0=' } },
    { text: binary },
  ]);
  expect(llm.resourceToAISDKContent(resource, { accepts: ['file'] })).toEqual([
    { type: 'text', text },
    { type: 'file', data: 'JVBERi0=', mediaType: 'application/pdf', filename: 'b.pdf' },
    { type: 'text', text: binary },
  ]);
});

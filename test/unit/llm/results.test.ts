import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import {
  resultToText,
  runAnthropicToolUses,
  runGeminiFunctionCalls,
  runOpenAIToolCalls,
  toAISDKTools,
} from 'mcp-fleet/llm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fleet, PNG, RESULTS, testFleet } from './fleet.js';

let fleet: Fleet;
beforeAll(() => {
  fleet = testFleet();
});
afterAll(() => fleet[Symbol.asyncDispose]());

const show = (what: string) => ({ name: 'files__show', what: { what } });

async function openAIChat(what: string, options = {}) {
  const call = {
    id: 'c',
    type: 'function' as const,
    function: { name: 'files__show', arguments: JSON.stringify({ what }) },
  };
  return runOpenAIToolCalls(fleet.manager, [call], options);
}
async function openAIResponses(what: string, options = {}) {
  const call = {
    type: 'function_call' as const,
    call_id: 'c',
    name: 'files__show',
    arguments: JSON.stringify({ what }),
  };
  const [item] = await runOpenAIToolCalls(fleet.manager, [call], options);
  return item?.output;
}
async function anthropic(what: string, options = {}) {
  const use = { type: 'tool_use', id: 'c', name: show(what).name, input: { what } };
  const [message] = await runAnthropicToolUses(fleet.manager, [use], options);
  return message?.content[0];
}
async function gemini(what: string, options = {}) {
  const [content] = await runGeminiFunctionCalls(
    fleet.manager,
    [{ name: 'files__show', args: { what } }],
    options,
  );
  return content?.parts;
}

describe('words for', () => {
  const words = Object.fromEntries(
    Object.entries(RESULTS).map(([name, result]) => [name, resultToText(result)]),
  );
  test('each kind of result', () => {
    expect(words).toEqual({
      text: 'one\ntwo',
      image: 'Look:\n[image/png, 9 bytes, not shown]',
      bitmap: '[image/bmp, 9 bytes, not shown]',
      audio: '[audio/wav, 6 bytes, not shown]',
      link: 'Link to resource file:///a.txt (a.txt; text/plain; A)',
      embedded: 'Resource file:///a.txt:\nHello',
      pdf: '[application/pdf, 6 bytes, file:///docs/a.pdf?x=1, not shown]',
      'text as blob': 'Resource file:///a.json:\n{"a":1}',
      structured: '{"answer":42}',
      'structured and told': '{ "answer": 42 }',
      'structured and a text': 'Found\n{"answer":42}',
      empty: '',
      error: 'Error: no such file',
      'error with image': 'Error: broken\n[image/png, 9 bytes, not shown]',
    });
  });

  test('structured content that only wraps what the texts say: nothing more', () => {
    const result = (structuredContent: Record<string, unknown>, ...texts: string[]) =>
      resultToText({ content: texts.map((text) => ({ type: 'text', text })), structuredContent });
    expect(result({ content: 'Hello\n' }, 'Hello\n')).toBe('Hello\n');
    expect(result({ result: 3 }, '3')).toBe('3');
    expect(result({ result: ['a', { b: 1 }] }, 'a', '{"b": 1}')).toBe('a\n{"b": 1}');
    expect(result({ result: ['a', 'b'] }, 'a', 'c')).toBe('a\nc\n{"result":["a","b"]}');
    expect(result({ result: 'a', more: 1 }, 'a')).toBe('a\n{"result":"a","more":1}');
  });

  test('a block of a kind that does not exist yet', () => {
    const result = { content: [{ type: 'hologram', data: 'x' }] } as unknown as CallToolResult;
    expect(resultToText(result)).toBe('{"type":"hologram","data":"x"}');
  });

  test.each([
    [null, ''],
    ['Hello', 'Hello'],
    [{ type: 'text', text: 'Hello' }, 'Hello'],
    [['Hello', null, 7], 'Hello\nnull\n7'],
    [[{ type: 'text', text: 5 }], '{"type":"text","text":5}'],
    [[{ type: 'image', data: PNG }], '[image/png, 9 bytes, not shown]'],
    [[{ type: 'image' }], '{"type":"image"}'],
    [[{ type: 'resource' }], '{"type":"resource"}'],
    [[{ type: 'resource', resource: { text: 'Hello' } }], 'Hello'],
    [[{ type: 'resource_link', uri: 'file:///a' }], 'Link to resource file:///a'],
  ])('content that is no list of blocks, %j: %j', (content, text) => {
    expect(resultToText({ content } as unknown as CallToolResult)).toBe(text);
  });
});

describe('chat completions', () => {
  test('take texts, links, resources and structured content as a text', async () => {
    for (const what of ['text', 'link', 'embedded', 'structured', 'empty', 'error']) {
      expect(await openAIChat(what)).toEqual([
        { role: 'tool', tool_call_id: 'c', content: resultToText(RESULTS[what] as CallToolResult) },
      ]);
    }
  });

  test('are shown images and files by a message of the user after all tool messages', async () => {
    const call = (id: string, what: string) => ({
      id,
      type: 'function' as const,
      function: { name: 'files__show', arguments: JSON.stringify({ what }) },
    });
    expect(
      await runOpenAIToolCalls(fleet.manager, [call('a', 'image'), call('b', 'pdf'), call('c', 'text')]),
    ).toEqual([
      {
        role: 'tool',
        tool_call_id: 'a',
        content: 'Look:\n[Attachment 1 (image/png, 9 bytes): see the next message]',
      },
      {
        role: 'tool',
        tool_call_id: 'b',
        content: '[Attachment 2 (application/pdf, 6 bytes, file:///docs/a.pdf?x=1): see the next message]',
      },
      { role: 'tool', tool_call_id: 'c', content: 'one\ntwo' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Attachment 1 (image/png, 9 bytes) of files__show:' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
          {
            type: 'text',
            text: 'Attachment 2 (application/pdf, 6 bytes, file:///docs/a.pdf?x=1) of files__show:',
          },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
        ],
      },
    ]);
  });

  test('are told of what the model does not take', async () => {
    const [message] = await openAIChat('image', { accepts: [] });
    expect(message).toMatchObject({ content: 'Look:\n[image/png, 9 bytes, not shown]' });
    const [bitmap, ...others] = await openAIChat('bitmap');
    expect(bitmap).toMatchObject({ content: '[image/bmp, 9 bytes, not shown]' });
    expect(others).toEqual([]);
  });

  test('are given audio where the model hears', async () => {
    expect(await openAIChat('audio')).toHaveLength(1);
    const [, message] = await openAIChat('audio', { accepts: ['audio'] });
    expect(message?.content[1]).toEqual({
      type: 'input_audio',
      input_audio: { data: 'UklGRg==', format: 'wav' },
    });
  });
});

describe('responses', () => {
  test('take a text as it is, and media beside texts', async () => {
    expect(await openAIResponses('text')).toBe('one\ntwo');
    expect(await openAIResponses('error')).toBe('Error: no such file');
    expect(await openAIResponses('image')).toEqual([
      { type: 'input_text', text: 'Look:' },
      { type: 'input_image', image_url: `data:image/png;base64,${PNG}`, detail: 'auto' },
    ]);
    expect(await openAIResponses('pdf')).toEqual([
      { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
    ]);
    expect(await openAIResponses('error with image')).toMatchObject([{ text: 'Error:' }, {}, {}]);
  });

  test('take no audio', async () => {
    expect(await openAIResponses('audio', { accepts: ['audio'] })).toBe('[audio/wav, 6 bytes, not shown]');
  });
});

describe('Anthropic', () => {
  test('takes images and PDFs in results', async () => {
    expect(await anthropic('image')).toEqual({
      type: 'tool_result',
      tool_use_id: 'c',
      content: [
        { type: 'text', text: 'Look:' },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
      ],
    });
    expect(await anthropic('pdf')).toMatchObject({
      content: [
        {
          type: 'document',
          source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' },
          title: 'file:///docs/a.pdf?x=1',
        },
      ],
    });
    expect(await anthropic('audio')).toMatchObject({
      content: [{ text: '[audio/wav, 6 bytes, not shown]' }],
    });
  });

  test('takes texts only in an error, and no text without a letter', async () => {
    expect(await anthropic('error with image')).toEqual({
      type: 'tool_result',
      tool_use_id: 'c',
      content: [
        { type: 'text', text: 'broken' },
        { type: 'text', text: '[image/png, 9 bytes, not shown]' },
      ],
      is_error: true,
    });
    expect(await anthropic('empty')).toEqual({ type: 'tool_result', tool_use_id: 'c' });
  });
});

describe('Gemini', () => {
  test('takes images and PDFs inside of responses, and audio after them', async () => {
    expect(await gemini('image')).toEqual([
      {
        functionResponse: {
          name: 'files__show',
          response: { output: 'Look:\n[image/png, 9 bytes: in this response]' },
          parts: [{ inlineData: { mimeType: 'image/png', data: PNG } }],
        },
      },
    ]);
    expect(await gemini('audio')).toEqual([
      {
        functionResponse: {
          name: 'files__show',
          response: { output: '[audio/wav, 6 bytes: after the responses]' },
        },
      },
      { text: 'audio/wav, 6 bytes, from files__show:' },
      { inlineData: { mimeType: 'audio/wav', data: 'UklGRg==' } },
    ]);
  });

  test('takes structured content as it is, where no text says more', async () => {
    const response = async (what: string) => (await gemini(what))?.[0];
    expect(await response('structured and told')).toMatchObject({
      functionResponse: { response: { output: { answer: 42 } } },
    });
    expect(await response('structured and a text')).toMatchObject({
      functionResponse: { response: { output: 'Found\n{"answer":42}' } },
    });
  });
});

describe('the AI SDK', () => {
  test('is given results, and what the model is to see of them', async () => {
    const { tools } = await fleet.manager.listTools();
    const tool = toAISDKTools(fleet.manager, tools).files__show;
    const run = (what: string) => tool?.execute({ what }, { toolCallId: 'c' });
    const output = await run('image');
    expect(output).toEqual(RESULTS.image);
    expect(tool?.toModelOutput({ output })).toEqual({
      type: 'content',
      value: [
        { type: 'text', text: 'Look:' },
        { type: 'image-data', data: PNG, mediaType: 'image/png' },
      ],
    });
    expect(tool?.toModelOutput({ output: await run('pdf') })).toEqual({
      type: 'content',
      value: [{ type: 'file-data', data: 'JVBERi0=', mediaType: 'application/pdf', filename: 'a.pdf' }],
    });
    expect(tool?.toModelOutput({ output: await run('error') })).toEqual({
      type: 'error-text',
      value: 'no such file',
    });
  });

  test('aborts calls by either signal', async () => {
    const { tools } = await fleet.manager.listTools();
    const outer = new AbortController();
    const inner = new AbortController();
    const tool = toAISDKTools(fleet.manager, tools, { signal: outer.signal }).files__wait;
    const first = tool?.execute({}, { toolCallId: 'a', abortSignal: inner.signal });
    const rejected = expect(first).rejects.toBe('inner');
    inner.abort('inner');
    await rejected;
    outer.abort('outer');
    await expect(tool?.execute({}, { toolCallId: 'b' })).rejects.toBe('outer');
  });
});

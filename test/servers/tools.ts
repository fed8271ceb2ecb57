import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';
import type { ProgramList, ProgramTool } from './program.js';

const ICON = { src: 'data:image/png;base64,iVBORw0KGgo=', mimeType: 'image/png', sizes: ['16x16'] };

function tool(name: string, run: ProgramTool['run'], more: Partial<Tool> = {}): ProgramTool {
  return { tool: { name, description: `The tool ${name}`, inputSchema: { type: 'object' }, ...more }, run };
}

function text(words: string): CallToolResult {
  return { content: [{ type: 'text', text: words }] };
}

function texts(...names: string[]): Tool['inputSchema'] {
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
    required: names,
  };
}

/**
 * | tool | arguments | does |
 * |---|---|---|
 * | `echo` | `text` | answers it; has all that a tool can say of itself |
 * | `sum` | `a`, `b` | answers `{ total }` as structured content |
 * | `fails` | | answers with `isError` |
 * | `place` | `region`, `floor` | over HTTP both are in header fields of the newer revision |
 * | `slow` | | never answers; notes in `cancelled` that nobody waits any more |
 * | `cancelled` | | answers how many calls were cancelled |
 * | `steps` | | tells its progress three times |
 * | `says` | | logs a line of each of three levels |
 * | `asks` | | asks the user twice, answers what both said |
 * | `consults` | `prompt` | asks the client's model and for its folders, answers both |
 * | `large` | `length` | answers so many characters |
 * | `waits` | | asks the user, who thinks it over for ever |
 * | `change` | `list` | adds an entry to the list, or takes it away |
 * | `write` | `text` | replaces the note |
 */
export const TOOLS: readonly ProgramTool[] = [
  tool('echo', ({ text: words }) => text(String(words)), {
    title: 'Echo',
    inputSchema: texts('text'),
    annotations: { title: 'Says it again', readOnlyHint: true, idempotentHint: true, openWorldHint: false },
    icons: [ICON],
    _meta: { 'example.com/team': { name: 'a', size: 3 } },
  }),
  tool(
    'sum',
    ({ a, b }) => ({
      ...text(`${Number(a) + Number(b)}`),
      structuredContent: { total: Number(a) + Number(b) },
    }),
    {
      inputSchema: {
        type: 'object',
        properties: { a: { type: 'number' }, b: { type: 'number' } },
        required: ['a', 'b'],
      },
      outputSchema: { type: 'object', properties: { total: { type: 'number' } }, required: ['total'] },
    },
  ),
  tool('fails', () => ({ ...text('It does not work'), isError: true }), {
    annotations: { destructiveHint: true },
  }),
  tool('place', ({ region, floor }) => text(`${floor} in ${region}`), {
    inputSchema: {
      type: 'object',
      properties: {
        region: { type: 'string', 'x-mcp-header': 'Region' },
        floor: { type: 'integer', 'x-mcp-header': 'Floor' },
      },
    },
  }),
  tool('slow', async (_args, { signal }, { cancelled }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    cancelled.push('slow');
    return text('cancelled');
  }),
  tool('cancelled', (_args, _running, { cancelled }) => text(`${cancelled.length}`)),
  tool('steps', async (_args, { progress }) => {
    for (const step of [1, 2, 3]) await progress(step, 3, `step ${step}`);
    return text('done');
  }),
  tool('says', async (_args, { log }) => {
    for (const level of ['debug', 'warning', 'error'] as const) await log(level, `of ${level}`);
    return text('said');
  }),
  tool('asks', async (_args, { ask }) => {
    const who = await ask('Who?', ['name']);
    if (who === undefined) return text('Nobody');
    const where = await ask('Where?', ['city', 'street']);
    return text(`${who.name} lives at ${where?.street} in ${where?.city}`);
  }),
  tool(
    'consults',
    async ({ prompt }, { consult }) => {
      const { words, roots } = await consult(String(prompt));
      return text(`${words} (${roots.join()})`);
    },
    { inputSchema: texts('prompt') },
  ),
  tool('large', ({ length }) => text('é'.repeat(Number(length))), {
    inputSchema: { type: 'object', properties: { length: { type: 'integer' } } },
  }),
  tool('waits', async (_args, { ask }) => {
    await ask('Why?', ['reason']);
    return text('never');
  }),
  tool(
    'change',
    ({ list }, _running, program) => {
      program.change(list as ProgramList);
      return text('changed');
    },
    { inputSchema: texts('list') },
  ),
  tool(
    'write',
    ({ text: words }, _running, program) => {
      program.writeNote(String(words));
      return text('written');
    },
    { inputSchema: texts('text') },
  ),
];

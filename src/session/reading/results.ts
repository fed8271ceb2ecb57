import type {
  CallToolResult,
  CompleteResult,
  GetPromptResult,
  ReadResourceResult,
} from '@modelcontextprotocol/sdk/types.js';
import type { SessionRequests } from '../session.js';
import { isRecord } from './json-values.js';
import { anyObject, anything, flag, list, needed, number, object, type Reader, text } from './shapes.js';

/** What stands where a media type should be. RFC 2046 section 4.5.1. */
const UNKNOWN_TYPE = 'application/octet-stream';

export const icons = list(object({ src: needed(text, ''), mimeType: text, sizes: list(text), theme: text }));

const annotations = object({ audience: list(text), priority: number, lastModified: text });
const common = { annotations, _meta: anyObject };

/** MCP "Resource Contents". */
const resourceContents = object({
  uri: needed(text, ''),
  mimeType: text,
  text,
  blob: text,
  _meta: anyObject,
});

const BLOCKS: Readonly<Record<string, Reader>> = {
  text: object({ ...common, text: needed(text, '') }),
  image: object({ ...common, data: needed(text, ''), mimeType: needed(text, UNKNOWN_TYPE) }),
  audio: object({ ...common, data: needed(text, ''), mimeType: needed(text, UNKNOWN_TYPE) }),
  resource: object({ ...common, resource: needed(resourceContents, { uri: '', text: '' }) }),
  resource_link: object({
    ...common,
    uri: needed(text, ''),
    name: needed(text, ''),
    title: text,
    description: text,
    mimeType: text,
    size: number,
    icons,
  }),
};

/** A block of content. One of a type that is not known here is handed on as it is; a bare text is a block of text. */
const block: Reader = (value) => {
  if (typeof value === 'string') return { type: 'text', text: value };
  if (!isRecord(value)) return undefined;
  const { type } = value;
  if (typeof type === 'string' && Object.hasOwn(BLOCKS, type)) return BLOCKS[type]?.(value);
  // Without a type, what is there tells.
  if (type === undefined && typeof value.text === 'string') return BLOCKS.text?.({ type: 'text', ...value });
  return value;
};

const toolResult = object({
  content: needed(list(block), []),
  structuredContent: anything,
  isError: flag,
  _meta: anyObject,
});

/** Some servers answer with the content alone. */
function readToolResult(result: unknown): CallToolResult {
  const whole = isRecord(result) ? result : { content: result };
  return toolResult(whole) as CallToolResult;
}

const resourceResult = object({ contents: needed(list(resourceContents), []), _meta: anyObject });

function readResourceResult(result: unknown, uri: string): ReadResourceResult {
  const whole = isRecord(result) && !('uri' in result) ? result : { contents: result };
  const read = resourceResult(whole) as ReadResourceResult;
  if (read.contents.every((contents) => contents.uri !== '')) return read;
  return { ...read, contents: read.contents.map((each) => (each.uri === '' ? { ...each, uri } : each)) };
}

/** A message has one block; a list of them becomes as many messages. */
const promptMessages: Reader = (value) => {
  const given = value === null || value === undefined ? [] : Array.isArray(value) ? value : [value];
  const single = given.flatMap((message) => {
    if (typeof message === 'string') return [{ role: 'user', content: message }];
    if (!isRecord(message) || !Array.isArray(message.content)) return [message];
    return message.content.map((content) => ({ ...message, content }));
  });
  return list(object({ role: needed(text, 'user'), content: needed(block, { type: 'text', text: '' }) }))(
    single,
  );
};

const promptResult = object({ messages: needed(promptMessages, []), description: text, _meta: anyObject });

function readPromptResult(result: unknown): GetPromptResult {
  const whole = isRecord(result) ? result : { messages: result };
  return promptResult(whole) as GetPromptResult;
}

const completion = object({ values: needed(list(text), []), total: number, hasMore: flag });
const completionResult = object({ completion: needed(completion, { values: [] }), _meta: anyObject });

function readCompletion(result: unknown): CompleteResult {
  return completionResult(isRecord(result) ? result : {}) as CompleteResult;
}

type Results = {
  [Method in keyof SessionRequests]: (
    result: unknown,
    params: SessionRequests[Method]['params'],
  ) => SessionRequests[Method]['result'];
};

/** Whatever it is: the server has done it. */
const readNothing = (result: unknown): object => (anyObject(result) ?? {}) as object;

/**
 * How the result of each request is read. There is no result that would be refused: the server has done what it was
 * asked for, and an error would say otherwise.
 */
export const RESULT_READERS: Results = {
  ping: readNothing,
  'tools/call': readToolResult,
  'resources/read': (result, { uri }) => readResourceResult(result, uri),
  'resources/subscribe': readNothing,
  'resources/unsubscribe': readNothing,
  'prompts/get': readPromptResult,
  'completion/complete': readCompletion,
  'logging/setLevel': readNothing,
};

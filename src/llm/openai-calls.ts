import type { Fleet } from '../manager/fleet.js';
import { checkList } from './given-lists.js';
import { isObject } from './json-schema.js';
import { type MediaOptions, type ShownPart, shownParts } from './media.js';
import {
  chatContent,
  isForResponses,
  type OpenAIChatContent,
  type OpenAIResponsesContent,
  responsesContent,
} from './openai-content.js';
import { mediaName, partText, resultParts } from './result-parts.js';
import { type AnsweredCall, type ModelCall, type RunOptions, runModelCalls } from './tool-calls.js';

/** Answers one call of chat completions. */
export interface OpenAIToolMessage {
  role: 'tool';
  tool_call_id: string;
  content: string;
}

/** Shows what tools answered besides text, which a tool's message cannot hold. */
export interface OpenAIMediaMessage {
  role: 'user';
  content: OpenAIChatContent[];
}

/** Answers one call of responses. */
export interface OpenAIFunctionCallOutput {
  type: 'function_call_output';
  call_id: string;
  output: string | OpenAIResponsesContent[];
}

/** What answers calls of the given type: messages for chat completions, items for responses. */
export type OpenAIAnswer<Call> = object extends Call
  ? OpenAIToolMessage | OpenAIMediaMessage | OpenAIFunctionCallOutput
  :
      | (Extract<Call, { type: 'function_call' }> extends never ? never : OpenAIFunctionCallOutput)
      | (Extract<Call, { function: object }> extends never ? never : OpenAIToolMessage | OpenAIMediaMessage);

export interface OpenAIRunOptions extends RunOptions, MediaOptions {}

interface OpenAICall extends ModelCall {
  readonly id: string;
  readonly api: 'chat' | 'responses';
}

/**
 * Runs the tool calls of a model's message, side by side, and returns what to send back in the same shape: for
 * `message.tool_calls` of chat completions one tool message per call, and a user message with the images and files
 * if there are any; for the items of `response.output` one `function_call_output` per `function_call`.
 *
 * A call that fails is answered with an error. Calls of other kinds (`custom`, `web_search_call`, …) are left to the
 * caller, and a repeated id is answered once.
 * @throws the reason of `options.signal` when it aborts, and `ConfigError` for what is no list of calls.
 */
export async function runOpenAIToolCalls<Call extends object>(
  manager: Fleet,
  calls: readonly Call[],
  options: OpenAIRunOptions = {},
): Promise<OpenAIAnswer<Call>[]> {
  const { accepts, ...runOptions } = options;
  checkList('calls', calls, 'such as `message.tool_calls ?? []`, or `response.output`');
  const answered = await runModelCalls(manager, calls.flatMap(openAICall), runOptions);
  const media: MediaOptions = accepts === undefined ? {} : { accepts };
  const attachments: OpenAIChatContent[] = [];
  const answers = answered.map((one) =>
    one.call.api === 'chat' ? toolMessage(one, media, attachments) : functionCallOutput(one, media),
  );
  const shown = attachments.length === 0 ? [] : [{ role: 'user' as const, content: attachments }];
  return [...answers, ...shown] as OpenAIAnswer<Call>[];
}

function openAICall(call: object): OpenAICall[] {
  const { type, id, call_id, name, arguments: input, function: called } = call as Record<string, unknown>;
  if (type === 'function_call' && typeof name === 'string') {
    return [{ api: 'responses', id: String(call_id ?? ''), name, input }];
  }
  // Some servers of this interface leave the type out.
  if ((type === 'function' || type === undefined) && isObject(called) && typeof called.name === 'string') {
    return [{ api: 'chat', id: String(id ?? ''), name: called.name, input: called.arguments }];
  }
  return [];
}

/** Text only: media are numbered, and shown in a message of the user that follows. */
function toolMessage(
  { call, result }: AnsweredCall<OpenAICall>,
  options: MediaOptions,
  attachments: OpenAIChatContent[],
): OpenAIToolMessage {
  const texts = shownParts(resultParts(result), 'openai', options).map((part) => {
    if (part.type === 'text') return part.text;
    const name = `Attachment ${attachments.length / 2 + 1} (${mediaName(part)})`;
    attachments.push({ type: 'text', text: `${name} of ${call.name}:` }, chatContent(part));
    return `[${name}: see the next message]`;
  });
  return { role: 'tool', tool_call_id: call.id, content: marked(texts.join('\n'), result.isError) };
}

function functionCallOutput(
  { call, result }: AnsweredCall<OpenAICall>,
  options: MediaOptions,
): OpenAIFunctionCallOutput {
  const parts = shownParts(resultParts(result), 'openai', options).map(
    (part): ShownPart =>
      part.type === 'text' || isForResponses(part) ? part : { type: 'text', text: partText(part) },
  );
  const isText = parts.every((part) => part.type === 'text');
  const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
  const content = parts.map(responsesContent);
  if (result.isError && !isText) content.unshift({ type: 'input_text', text: 'Error:' });
  return {
    type: 'function_call_output',
    call_id: call.id,
    output: isText ? marked(text, result.isError) : content,
  };
}

/** There is no field that says so. */
function marked(text: string, isError: boolean | undefined): string {
  return isError ? `Error: ${text}` : text;
}

import type { Fleet } from '../manager/fleet.js';
import { type GeminiInlineData, geminiPart } from './gemini-content.js';
import { fromGeminiName } from './gemini-tools.js';
import { checkList } from './given-lists.js';
import { isObject } from './json-schema.js';
import { type MediaOptions, shownParts } from './media.js';
import { mediaName, resultParts } from './result-parts.js';
import { type AnsweredCall, type ModelCall, type RunOptions, runModelCalls } from './tool-calls.js';

/** Answers one call. */
export interface GeminiFunctionResponse {
  id?: string;
  name: string;
  /** `output`, or `error` if the call failed. */
  response: { output: unknown } | { error: string };
  /** Images and files. */
  parts?: GeminiInlineData[];
}

/** Answers all calls of a turn. Audio and video, which a function's response cannot hold, are parts of their own at the end. */
export interface GeminiFunctionResponseContent {
  role: 'user';
  parts: ({ functionResponse: GeminiFunctionResponse } | { text: string } | GeminiInlineData)[];
}

export interface GeminiRunOptions extends RunOptions, MediaOptions {}

interface GeminiCall extends ModelCall {
  /** As the model wrote it: the answer has to bear it. */
  readonly calledName: string;
}

/** What may be in `parts` of a function's response (Gemini 3 and newer). */
const IN_RESPONSE = ['image/png', 'image/jpeg', 'image/webp', 'application/pdf'];

/**
 * Runs the function calls of a model, side by side, and returns the content to send back: one of the user with a
 * `functionResponse` for each, or none if there was nothing to run. Takes `response.functionCalls`, or the parts of the
 * model's content. That content goes back too, before the answers, as it came (it holds thought signatures).
 *
 * A call that fails has `error` instead of `output`. A repeated id is answered once.
 * @throws the reason of `options.signal` when it aborts, and `ConfigError` for what is no list of calls.
 */
export async function runGeminiFunctionCalls(
  manager: Fleet,
  calls: readonly object[],
  options: GeminiRunOptions = {},
): Promise<GeminiFunctionResponseContent[]> {
  const { accepts, ...runOptions } = options;
  checkList('calls', calls, 'such as `response.functionCalls ?? []`');
  const answered = await runModelCalls(manager, calls.flatMap(functionCall), runOptions);
  if (answered.length === 0) return [];
  const media: MediaOptions = accepts === undefined ? {} : { accepts };
  const separate: GeminiFunctionResponseContent['parts'] = [];
  const responses = answered.map((one) => ({ functionResponse: functionResponse(one, media, separate) }));
  return [{ role: 'user', parts: [...responses, ...separate] }];
}

function functionCall(call: object): GeminiCall[] {
  const { functionCall: inPart } = call as { functionCall?: unknown };
  const { id, name, args } = (isObject(inPart) ? inPart : call) as Record<string, unknown>;
  if (typeof name !== 'string') return [];
  return [
    {
      id: typeof id === 'string' ? id : undefined,
      calledName: name,
      name: fromGeminiName(name),
      input: args,
    },
  ];
}

function functionResponse(
  { call, result }: AnsweredCall<GeminiCall>,
  options: MediaOptions,
  separate: GeminiFunctionResponseContent['parts'],
): GeminiFunctionResponse {
  const parts: GeminiInlineData[] = [];
  const texts = shownParts(resultParts(result), 'gemini', options).map((part) => {
    if (part.type === 'text') return part.text;
    const inline = geminiPart(part) as GeminiInlineData;
    if (IN_RESPONSE.includes(part.mimeType)) {
      parts.push(inline);
      return `[${mediaName(part)}: in this response]`;
    }
    separate.push({ text: `${mediaName(part)}, from ${call.calledName}:` }, inline);
    return `[${mediaName(part)}: after the responses]`;
  });
  // One text beside structured content says the same.
  const { structuredContent } = result;
  const output = structuredContent !== undefined && texts.length === 1 ? structuredContent : texts.join('\n');
  return {
    ...(call.id !== undefined && { id: call.id }),
    name: call.calledName,
    response: result.isError ? { error: texts.join('\n') } : { output },
    ...(parts.length > 0 && { parts }),
  };
}

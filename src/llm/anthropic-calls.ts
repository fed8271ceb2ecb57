import type { Fleet } from '../manager/fleet.js';
import { type AnthropicContent, anthropicContent } from './anthropic-content.js';
import { checkList } from './given-lists.js';
import { type MediaOptions, shownParts } from './media.js';
import { resultParts } from './result-parts.js';
import { type AnsweredCall, type ModelCall, type RunOptions, runModelCalls } from './tool-calls.js';

/** Answers one `tool_use`. */
export interface AnthropicToolResult {
  type: 'tool_result';
  tool_use_id: string;
  content?: AnthropicContent[];
  is_error?: true;
}

/** Answers all calls of a message: Anthropic wants them in one. */
export interface AnthropicToolResultMessage {
  role: 'user';
  content: AnthropicToolResult[];
}

export interface AnthropicRunOptions extends RunOptions, MediaOptions {}

/**
 * Runs the `tool_use` blocks in the content of a model's message, side by side, and returns the message to send back:
 * one of the user with a `tool_result` for each, or none if there was nothing to run.
 *
 * A call that fails has `is_error`. Tools that Anthropic runs itself (`server_tool_use`) or defines (`toolset_name`)
 * are left to the caller, and a repeated id is answered once.
 * @throws the reason of `options.signal` when it aborts, and `ConfigError` for what is no list of calls.
 */
export async function runAnthropicToolUses(
  manager: Fleet,
  content: readonly object[],
  options: AnthropicRunOptions = {},
): Promise<AnthropicToolResultMessage[]> {
  const { accepts, ...runOptions } = options;
  checkList('content', content, 'such as `message.content`');
  const answered = await runModelCalls(manager, content.flatMap(toolUse), runOptions);
  if (answered.length === 0) return [];
  const media: MediaOptions = accepts === undefined ? {} : { accepts };
  return [{ role: 'user', content: answered.map((one) => toolResult(one, media)) }];
}

function toolUse(block: object): (ModelCall & { id: string })[] {
  const { type, id, name, input, toolset_name } = block as Record<string, unknown>;
  const isOurs = type === 'tool_use' && typeof name === 'string' && typeof toolset_name !== 'string';
  return isOurs ? [{ id: String(id ?? ''), name, input }] : [];
}

function toolResult(
  { call, result }: AnsweredCall<ModelCall & { id: string }>,
  options: MediaOptions,
): AnthropicToolResult {
  // An error takes text only.
  const shown = shownParts(resultParts(result), 'anthropic', result.isError ? { accepts: [] } : options);
  const content = shown.flatMap(anthropicContent);
  return {
    type: 'tool_result',
    tool_use_id: call.id,
    ...(content.length > 0 && { content }),
    ...(result.isError && { is_error: true }),
  };
}

import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type { CallOptions } from '../calls/call-options.js';
import { concurrentMap } from '../core/concurrent-map.js';
import { ConfigError, McpFleetError, UnknownToolError } from '../core/errors.js';
import { nearestHint } from '../core/nearest.js';
import type { Fleet, FleetTool } from '../manager/fleet.js';
import { type RestoringOptions, restoredArguments } from './argument-restoring.js';
import { checkManager, checkTools } from './given-lists.js';
import { isObject, propertiesOf, requiredOf, schemaOf } from './json-schema.js';
import { toolFinder } from './tool-finder.js';

/** Of everything that runs what a model asks for. The options of a call hold for each one. */
export interface RunOptions extends CallOptions, RestoringOptions {
  /** The tools that the model was offered: a call of any other is answered with an error. @default every tool of the fleet */
  tools?: readonly FleetTool[];
  /** Calls under way at the same time. @default all */
  concurrency?: number;
}

/** A call as a model wrote it. */
export interface ModelCall {
  /** What the answer refers to; unique among the calls, if it is given. */
  readonly id: string | undefined;
  readonly name: string;
  /** JSON, or what it means. */
  readonly input: unknown;
}

export interface AnsweredCall<Call extends ModelCall> {
  readonly call: Call;
  readonly result: CallToolResult;
}

/**
 * Runs calls side by side; results in their order. Whatever goes wrong with one is a result with `isError` that tells
 * the model, and leaves the others alone. A second call with the same id is not run.
 * @throws the reason of `options.signal` when it aborts; calls that run are then cancelled. And {@link ConfigError}
 * for a bad option.
 */
export async function runModelCalls<Call extends ModelCall>(
  manager: Fleet,
  calls: readonly Call[],
  options: RunOptions,
): Promise<AnsweredCall<Call>[]> {
  const { tools, concurrency = calls.length, strict = false, ...callOptions } = options;
  checkManager(manager);
  if (tools !== undefined) checkTools(tools);
  callOptions.signal?.throwIfAborted();
  const find = toolFinder(manager, tools, callOptions);
  const run = async (call: Call): Promise<AnsweredCall<Call>> => {
    try {
      return { call, result: await runModelCall(manager, call, find, strict, callOptions) };
    } catch (error) {
      callOptions.signal?.throwIfAborted();
      // An option is wrong: nothing that a model could do about it.
      if (error instanceof ConfigError) throw error;
      return { call, result: failed(failureText(error)) };
    }
  };
  return concurrentMap(withoutRepeats(calls), Math.max(1, concurrency || 1), run);
}

async function runModelCall(
  manager: Fleet,
  { name, input }: ModelCall,
  find: ReturnType<typeof toolFinder>,
  strict: boolean,
  options: CallOptions,
): Promise<CallToolResult> {
  const found = await find(name);
  if ('unknown' in found) {
    const hint = nearestHint(name, found.unknown);
    return failed(
      `There is no tool ${JSON.stringify(name)}${hint}. Call one of the tools by its exact name.`,
    );
  }
  const { tool } = found;
  const given = parsedInput(input);
  if ('problem' in given) return failed(`${given.problem} Nothing was run. ${expectation(tool)}`);
  if (tool === undefined) return manager.callTool({ name, arguments: given.arguments }, options);
  const restored = restoredArguments(tool.inputSchema, given.arguments, { strict });
  return manager.callTool({ server: tool.server, name: tool.toolName, arguments: restored }, options);
}

/** A model that needs no arguments may write none. */
function parsedInput(input: unknown): { arguments: Record<string, unknown> } | { problem: string } {
  if (input === undefined || input === null) return { arguments: {} };
  if (typeof input !== 'string') {
    return isObject(input)
      ? { arguments: input }
      : { problem: `The arguments are ${kindOf(input)}, not an object.` };
  }
  if (input.trim() === '') return { arguments: {} };
  try {
    const parsed: unknown = JSON.parse(input);
    if (parsed === null) return { arguments: {} };
    if (isObject(parsed)) return { arguments: parsed };
    return { problem: `The arguments are ${kindOf(parsed)} in JSON, not an object.` };
  } catch (error) {
    return { problem: `The arguments are not valid JSON: ${(error as SyntaxError).message}.` };
  }
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

function expectation(tool: FleetTool | undefined): string {
  const schema = schemaOf(tool?.inputSchema);
  const required = requiredOf(schema);
  const names = propertiesOf(schema).map(([name]) => (required.includes(name) ? `${name} (required)` : name));
  return `Give one JSON object${names.length === 0 ? '' : ` with: ${names.join(', ')}`}.`;
}

function failed(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

/** What a model can make something of: what happened, and whether it may try again. */
function failureText(error: unknown): string {
  if (error instanceof RangeError) return 'The arguments are nested too deeply. Nothing was run.';
  if (!(error instanceof McpFleetError)) return 'The call failed.';
  const what = error.message.replace(/\.?$/, '.');
  if (error instanceof UnknownToolError) return `${what} Nothing was run.`;
  if (error.delivery === 'unknown') {
    return `${what} It is not known whether the tool ran: find out before calling it again.`;
  }
  return error.retryable ? `${what} It may work later.` : what;
}

function withoutRepeats<Call extends ModelCall>(calls: readonly Call[]): Call[] {
  const seen = new Set<string>();
  return calls.filter(({ id }) => {
    if (id === undefined || id === '') return true;
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type { Fleet, FleetTool } from '../manager/fleet.js';
import { checkManager, checkTools } from './given-lists.js';
import { type MediaOptions, shownParts } from './media.js';
import { openSchema } from './open-schema.js';
import { fileName, resultParts } from './result-parts.js';
import { resultToText } from './result-text.js';
import type { SchemaOptions } from './schema-loss.js';
import { type RunOptions, runModelCalls } from './tool-calls.js';
import { descriptionOf } from './tool-description.js';

/** What the AI SDK takes as a schema: one of its own at run time, a Standard JSON Schema to the compiler. */
export interface AISDKSchema {
  readonly jsonSchema: Record<string, unknown>;
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: 'mcp-fleet';
    readonly types?: { readonly input: unknown; readonly output: unknown };
    /** Takes any value: the server checks the arguments. */
    readonly validate: (value: unknown) => { readonly value: unknown };
    readonly jsonSchema: {
      readonly input: () => Record<string, unknown>;
      readonly output: () => Record<string, unknown>;
    };
  };
}

export type AISDKToolOutput =
  | { type: 'error-text'; value: string }
  | {
      type: 'content';
      value: (
        | { type: 'text'; text: string }
        | { type: 'image-data'; data: string; mediaType: string }
        | { type: 'file-data'; data: string; mediaType: string; filename?: string }
      )[];
    };

/** A tool of the AI SDK whose types are not known before it runs. */
export interface AISDKTool {
  type: 'dynamic';
  description?: string;
  title?: string;
  inputSchema: AISDKSchema;
  execute: (
    input: unknown,
    options: { toolCallId: string; abortSignal?: AbortSignal | undefined },
  ) => Promise<CallToolResult>;
  toModelOutput: (options: { output: unknown }) => AISDKToolOutput;
}

export interface AISDKToolOptions
  extends Omit<RunOptions, 'tools' | 'concurrency'>,
    MediaOptions,
    SchemaOptions {}

/**
 * A `ToolSet` of Vercel's AI SDK by qualified name, executing through the manager. A call that fails is a result with
 * `isError`; one that is aborted, by `options.signal` or by the AI SDK, rejects.
 */
export function toAISDKTools(
  manager: Fleet,
  tools: readonly FleetTool[],
  options: AISDKToolOptions = {},
): Record<string, AISDKTool> {
  const { accepts, onLoss, ...runOptions } = options;
  checkManager(manager);
  checkTools(tools);
  const media: MediaOptions = accepts === undefined ? {} : { accepts };
  return Object.fromEntries(
    tools.map((tool) => {
      const { schema, losses } = openSchema(tool, { safeNames: true });
      for (const loss of losses) onLoss?.(loss);
      const description = descriptionOf(tool);
      const aiSDKTool: AISDKTool = {
        type: 'dynamic',
        ...(description !== undefined && { description }),
        ...(tool.title !== undefined && { title: tool.title }),
        inputSchema: aiSDKSchema({ ...schema }),
        execute: (input, { toolCallId, abortSignal }) =>
          execute(manager, tool, { id: toolCallId, input }, runOptions, abortSignal),
        toModelOutput: ({ output }) => modelOutput(output as CallToolResult, media),
      };
      return [tool.name, aiSDKTool];
    }),
  );
}

async function execute(
  manager: Fleet,
  tool: FleetTool,
  call: { id: string; input: unknown },
  options: RunOptions,
  abortSignal: AbortSignal | undefined,
): Promise<CallToolResult> {
  const signals = [options.signal, abortSignal].filter((signal) => signal !== undefined);
  const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
  const [answered] = await runModelCalls(manager, [{ ...call, name: tool.name }], {
    ...options,
    tools: [tool],
    ...(signal !== undefined && { signal }),
  });
  return (answered as { result: CallToolResult }).result;
}

function modelOutput(result: CallToolResult, options: MediaOptions): AISDKToolOutput {
  if (result.isError) return { type: 'error-text', value: resultToText({ ...result, isError: false }) };
  return {
    type: 'content',
    value: shownParts(resultParts(result), 'any', options).map((part) => {
      if (part.type === 'text') return part;
      const { data, mimeType: mediaType, kind } = part;
      if (kind === 'image') return { type: 'image-data', data, mediaType };
      return {
        type: 'file-data',
        data,
        mediaType,
        ...(part.uri !== undefined && { filename: fileName(part) }),
      };
    }),
  };
}

/** As `jsonSchema()` of the AI SDK makes them; it knows its own by this symbol. */
const AI_SDK_SCHEMA = Symbol.for('vercel.ai.schema');

function aiSDKSchema(jsonSchema: Record<string, unknown>): AISDKSchema {
  const schema = {
    [AI_SDK_SCHEMA]: true,
    _type: undefined,
    validate: undefined,
    jsonSchema,
    '~standard': {
      version: 1,
      vendor: 'mcp-fleet',
      validate: (value: unknown) => ({ value }),
      jsonSchema: { input: () => jsonSchema, output: () => jsonSchema },
    },
  } as const;
  return schema;
}

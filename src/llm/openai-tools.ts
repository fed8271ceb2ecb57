import type { FleetTool } from '../manager/fleet.js';
import { checkTools } from './given-lists.js';
import type { JsonSchema } from './json-schema.js';
import { openSchema } from './open-schema.js';
import { Losses, type SchemaLoss, type SchemaOptions } from './schema-loss.js';
import { strictSchema } from './strict-schema.js';
import { descriptionOf } from './tool-description.js';
import { VENDOR_LIMITS } from './vendor-limits.js';

/** Which of OpenAI's two interfaces. */
export type OpenAIApi = 'chat' | 'responses';

/** For `tools` of chat completions. */
export interface OpenAIChatTool {
  type: 'function';
  function: { name: string; description?: string; parameters: Record<string, unknown>; strict?: boolean };
}

/** For `tools` of responses. */
export interface OpenAIResponsesTool {
  type: 'function';
  name: string;
  description?: string;
  parameters: Record<string, unknown>;
  strict: boolean;
}

export interface OpenAIToolOptions<Api extends OpenAIApi = OpenAIApi> extends SchemaOptions {
  /** @default 'chat' */
  api?: Api;
  /**
   * Strict mode: the model cannot but keep to the schema. A tool whose arguments strict mode cannot describe, such
   * as an object with any keys, is offered without it, and told of as a loss of the keyword `strict`. Give the same
   * to {@link runOpenAIToolCalls}. @default false
   */
  strict?: boolean;
}

export type OpenAITool<Api extends OpenAIApi> = Api extends 'chat' ? OpenAIChatTool : OpenAIResponsesTool;

/** Tools for OpenAI's chat completions or responses, in the order given. */
export function toOpenAITools<Api extends OpenAIApi = 'chat'>(
  tools: readonly FleetTool[],
  options: OpenAIToolOptions<Api> = {},
): OpenAITool<Api>[] {
  checkTools(tools);
  return tools.map((tool) => {
    const { parameters, strict } = parametersOf(tool, options);
    const described = fittingDescription(tool, parameters);
    const definition =
      options.api === 'responses'
        ? { type: 'function', name: tool.name, ...described, strict }
        : { type: 'function', function: { name: tool.name, ...described, ...(strict && { strict }) } };
    return definition as OpenAITool<Api>;
  });
}

function parametersOf(
  tool: FleetTool,
  options: OpenAIToolOptions,
): { parameters: JsonSchema; strict: boolean } {
  const told = (losses: readonly SchemaLoss[]) => {
    for (const loss of losses) options.onLoss?.(loss);
  };
  if (options.strict) {
    const strict = strictSchema(tool);
    if ('schema' in strict) {
      told(strict.losses);
      return { parameters: strict.schema, strict: true };
    }
    const losses = new Losses(tool.name);
    losses.add(strict.obstacle.path, 'strict', 'dropped', strict.obstacle.reason);
    told(losses.all);
  }
  const open = openSchema(tool);
  told(open.losses);
  return { parameters: open.schema, strict: false };
}

/** A description that is too long for the tool goes on in its schema, where length has no limit. */
function fittingDescription(
  tool: FleetTool,
  parameters: JsonSchema,
): { description?: string; parameters: Record<string, unknown> } {
  const description = descriptionOf(tool);
  if (description === undefined) return { parameters };
  const limit = VENDOR_LIMITS.openai.toolDescriptionLength;
  if (description.length <= limit) return { description, parameters };
  const own = typeof parameters.description === 'string' ? `\n\n${parameters.description}` : '';
  return {
    description: `${description.slice(0, limit - 1)}…`,
    parameters: { ...parameters, description: `${description}${own}` },
  };
}

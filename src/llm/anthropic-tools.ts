import type { FleetTool } from '../manager/fleet.js';
import { checkTools } from './given-lists.js';
import { openSchema } from './open-schema.js';
import type { SchemaOptions } from './schema-loss.js';
import { descriptionOf } from './tool-description.js';

/** For `tools` of Anthropic's messages. */
export interface AnthropicTool {
  name: string;
  description?: string;
  input_schema: { type: 'object'; [keyword: string]: unknown };
}

export interface AnthropicToolOptions extends SchemaOptions {}

/** Tools for Anthropic's messages, in the order given. */
export function toAnthropicTools(
  tools: readonly FleetTool[],
  options: AnthropicToolOptions = {},
): AnthropicTool[] {
  checkTools(tools);
  return tools.map((tool) => {
    const { schema, losses } = openSchema(tool, { safeNames: true });
    for (const loss of losses) options.onLoss?.(loss);
    const description = descriptionOf(tool);
    return {
      name: tool.name,
      ...(description !== undefined && { description }),
      input_schema: { ...schema, type: 'object' },
    };
  });
}

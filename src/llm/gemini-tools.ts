import type { FleetTool } from '../manager/fleet.js';
import { geminiSchema } from './gemini-schema.js';
import { checkTools } from './given-lists.js';
import type { SchemaOptions } from './schema-loss.js';
import { descriptionOf } from './tool-description.js';

export interface GeminiFunctionDeclaration {
  name: string;
  description?: string;
  /** JSON Schema, as far as Gemini takes it. */
  parametersJsonSchema: Record<string, unknown>;
}

/** For `config.tools`: one entry that declares all functions. */
export interface GeminiTool {
  functionDeclarations: GeminiFunctionDeclaration[];
}

export interface GeminiToolOptions extends SchemaOptions {}

/** Tools for Gemini, in the order given. None if there are no tools. */
export function toGeminiTools(tools: readonly FleetTool[], options: GeminiToolOptions = {}): GeminiTool[] {
  checkTools(tools);
  if (tools.length === 0) return [];
  const functionDeclarations = tools.map((tool) => {
    const { schema, losses } = geminiSchema(tool);
    for (const loss of losses) options.onLoss?.(loss);
    const description = descriptionOf(tool);
    return {
      name: toGeminiName(tool.name),
      ...(description !== undefined && { description }),
      parametersJsonSchema: { ...schema },
    };
  });
  return [{ functionDeclarations }];
}

/** A name must not begin with a digit, as those of the tools of server `7z` do. No tool's own name begins with `_`. */
function toGeminiName(name: string): string {
  return /^\d/.test(name) ? `_${name}` : name;
}

export function fromGeminiName(name: string): string {
  return /^_\d/.test(name) ? name.slice(1) : name;
}

import type { GetPromptResult } from '@modelcontextprotocol/sdk/types.js';
import type { ProgramPrompt } from './program.js';

function said(text: string): GetPromptResult {
  return { messages: [{ role: 'user', content: { type: 'text', text } }] };
}

export const PROMPTS: Readonly<Record<string, ProgramPrompt>> = {
  greet: {
    title: 'Greet',
    description: 'Greets somebody in a colour',
    arguments: { color: ['amber', 'azure', 'blue'] },
    get: ({ color }) => said(`A ${color} good morning`),
  },
  introduce: {
    title: 'Introduce',
    description: 'Asks who is to be introduced',
    arguments: {},
    async get(_args, { ask }) {
      const who = await ask('Who?', ['name']);
      return said(who === undefined ? 'Somebody' : `This is ${who.name}`);
    },
  },
};

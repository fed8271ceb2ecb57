import type { CallToolResult, GetPromptResult, ReadResourceResult } from '@modelcontextprotocol/sdk/types.js';
import { type InputRequiredResult, inputRequired, type ServerContext } from '@modelcontextprotocol/server';
import type { Running } from './program.js';

type InputRequests = NonNullable<InputRequiredResult['inputRequests']>;

/** What a client answers, of each kind of request. */
interface Answer {
  readonly action?: string;
  readonly content?: Record<string, unknown>;
  readonly roots?: readonly { readonly uri: string }[];
}

/** Runs from the start in each round: what was said before is in the state that the client sends back. */
export async function answered<Result extends CallToolResult | GetPromptResult | ReadResourceResult>(
  context: ServerContext,
  run: (running: Running) => Promise<Result>,
): Promise<Result | InputRequiredResult> {
  const { inputResponses, requestState } = context.mcpReq;
  const known = JSON.parse(requestState() ?? '{}') as Record<string, Answer>;
  const answers = { ...known, ...(inputResponses as Record<string, Answer> | undefined) };
  try {
    return await run(running(context, answers));
  } catch (thrown) {
    if (!(thrown instanceof Questions)) throw thrown;
    return inputRequired({ inputRequests: thrown.requests, requestState: JSON.stringify(answers) });
  }
}

/** Ends a round. */
class Questions extends Error {
  readonly requests: InputRequests;

  constructor(requests: InputRequests) {
    super('Not answered yet');
    this.requests = requests;
  }
}

function running({ mcpReq }: ServerContext, answers: Readonly<Record<string, Answer>>): Running {
  const progressToken = mcpReq._meta?.progressToken;
  return {
    signal: mcpReq.signal,
    log: (level, data) => mcpReq.log(level, data, 'program'),
    async progress(progress, total, message) {
      if (progressToken === undefined) return;
      const params = { progressToken, progress, total, message };
      await mcpReq.notify({ method: 'notifications/progress', params });
    },
    async ask(message, fields) {
      const { [message]: answer } = answers;
      if (answer === undefined) throw new Questions({ [message]: form(message, fields) });
      return answer.action === 'accept' ? answer.content : undefined;
    },
    async consult(prompt) {
      const { model, roots } = answers;
      if (model === undefined || roots === undefined) {
        const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: prompt } }];
        throw new Questions({
          model: inputRequired.createMessage({ messages, maxTokens: 100 }),
          roots: inputRequired.listRoots(),
        });
      }
      return { words: String(model.content?.text), roots: (roots.roots ?? []).map(({ uri }) => uri) };
    },
  };
}

function form(message: string, fields: readonly string[]) {
  const properties = Object.fromEntries(fields.map((field) => [field, { type: 'string' as const }]));
  const requestedSchema = { type: 'object' as const, properties, required: [...fields] };
  return inputRequired.elicit({ message, requestedSchema });
}

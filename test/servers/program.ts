import type { CallToolResult, GetPromptResult, LoggingLevel, Tool } from '@modelcontextprotocol/sdk/types.js';
import { PROMPTS } from './prompts.js';
import { TOOLS } from './tools.js';

/** What a tool or a prompt can do while it runs, in each revision. */
export interface Running {
  /** Aborts when the client does not wait any more. */
  readonly signal: AbortSignal;
  progress(progress: number, total: number, message: string): Promise<void>;
  log(level: LoggingLevel, data: string): Promise<void>;
  /** Asks the user by a form of texts. `undefined`: the user does not want to say. */
  ask(message: string, fields: readonly string[]): Promise<Record<string, unknown> | undefined>;
  /** Asks the client's model, and which folders it may look at. */
  consult(prompt: string): Promise<{ words: string; roots: string[] }>;
}

/** A tool, for both packages. */
export interface ProgramTool {
  readonly tool: Tool;
  run(
    args: Record<string, unknown>,
    running: Running,
    program: Program,
  ): CallToolResult | Promise<CallToolResult>;
}

/** A prompt whose arguments are texts. */
export interface ProgramPrompt {
  readonly title: string;
  readonly description: string;
  /** Names, and what they can be completed to. */
  readonly arguments: Readonly<Record<string, readonly string[]>>;
  get(args: Readonly<Record<string, string>>, running: Running): GetPromptResult | Promise<GetPromptResult>;
}

export type ProgramList = 'tools' | 'resources' | 'prompts';

/** Those who are told of changes: connections, or the one handler of all requests. */
export interface Subscriber {
  listChanged(list: ProgramList): void;
  resourceUpdated(uri: string): void;
}

export const NOTE = 'memo://note';
/** Whose variable can be completed to one of {@link CITIES}. */
export const CITY_TEMPLATE = 'city://{name}';
export const CITIES: readonly string[] = ['bergen', 'berlin', 'bern', 'rome'];
/** A city that the user is asked for when it is read. */
export const ASKED_CITY = 'city://asked';
/** Name of the tool and the prompt, and of the resource `memo://extra`, that come and go. */
export const EXTRA = 'extra';

/** What a server of the tests offers, whichever package serves it: one for all of its connections and requests. */
export class Program {
  readonly tools = TOOLS;
  readonly prompts = PROMPTS;
  /** Text of the resource {@link NOTE}. */
  note = 'The first note';
  /** Names of the tools whose call was cancelled. */
  readonly cancelled: string[] = [];
  /** Lists that hold what is called {@link EXTRA}. */
  readonly #extended = new Set<ProgramList>();
  readonly #subscribers = new Set<Subscriber>();

  /** @returns what ends it */
  subscribe(subscriber: Subscriber): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  isExtended(list: ProgramList): boolean {
    return this.#extended.has(list);
  }

  /** Adds what is called {@link EXTRA} to the list, or takes it away again, and says so. */
  change(list: ProgramList): void {
    if (!this.#extended.delete(list)) this.#extended.add(list);
    for (const subscriber of this.#subscribers) subscriber.listChanged(list);
  }

  writeNote(text: string): void {
    this.note = text;
    for (const subscriber of this.#subscribers) subscriber.resourceUpdated(NOTE);
  }
}

/** Text of the resource of a city. */
export async function readCity(name: string, { ask }: Running): Promise<string> {
  if (`city://${name}` !== ASKED_CITY) return `The city of ${name}`;
  const where = await ask('Where?', ['city']);
  return `The city of ${where?.city}`;
}

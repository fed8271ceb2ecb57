import type { Implementation, ServerCapabilities } from '@modelcontextprotocol/sdk/types.js';
import { isRecord } from './json-values.js';
import type { Params } from './message.js';
import { icons } from './results.js';
import { anyObject, flag, needed, object, type Reader, text } from './shapes.js';

/** What a server says of itself when a session begins (MCP "Lifecycle"). */
export interface Initialization {
  /** `undefined`: it names none. */
  readonly protocolVersion: string | undefined;
  /** `undefined`: it does not say what it can do, so that it has to be tried. */
  readonly capabilities: ServerCapabilities | undefined;
  readonly serverInfo: Implementation;
  readonly instructions: string | undefined;
}

const MEMBERS = ['protocolVersion', 'capabilities', 'serverInfo'];
const UNNAMED: Implementation = { name: '', version: '' };

/** A capability is an object, of which the members matter. `true` means that there is one, `false` that there is none. */
const capability: Reader = (value) => {
  if (value === true) return {};
  const given = capabilityMembers(value) as Params | undefined;
  if (given === undefined) return undefined;
  const members = Object.entries(given);
  return members.some(([, member]) => member === null)
    ? Object.fromEntries(members.filter(([, member]) => member !== null))
    : given;
};
const capabilityMembers = object({ listChanged: flag, subscribe: flag });

const implementation = object({
  name: needed(text, ''),
  version: needed(text, ''),
  title: text,
  description: text,
  websiteUrl: text,
  icons,
});

/** @returns `undefined` for what says nothing of all that: the answer of something else than an MCP server */
export function readInitialization(result: unknown): Initialization | undefined {
  if (!isRecord(result)) return undefined;
  const given = result;
  if (!MEMBERS.some((member) => member in given)) return undefined;
  return {
    protocolVersion: text(given.protocolVersion) as string | undefined,
    capabilities: capabilities(given.capabilities),
    serverInfo: (implementation(given.serverInfo) as Implementation | undefined) ?? UNNAMED,
    instructions: text(given.instructions) as string | undefined,
  };
}

function capabilities(value: unknown): ServerCapabilities | undefined {
  const given = anyObject(value) as Params | undefined;
  if (given === undefined) return undefined;
  const read = Object.entries(given).map(([name, member]) => [name, capability(member)] as const);
  return Object.fromEntries(read.filter(([, member]) => member !== undefined)) as ServerCapabilities;
}

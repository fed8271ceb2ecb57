import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import type { Params } from '../reading/message.js';
import type { ListPage } from '../session.js';
import {
  headerText,
  type ParameterHeader,
  parameterFields,
  readParameterHeaders,
} from './parameter-headers.js';

/** Tools that were left out of one page, and are named. */
const MAX_NAMED = 3;

type Fields = Readonly<Record<string, string>>;

/**
 * What of a request goes into its header fields, too, so that those on the way need not read its body (MCP 2026-07-28
 * "Request Metadata"). Which arguments of a tool do, the list of tools says.
 */
export class HeaderFields {
  /** Of the tools that want any. */
  #wanted: Map<string, readonly ParameterHeader[]> | undefined;

  of(method: string, params: Params): Fields | undefined {
    switch (method) {
      case 'tools/call': {
        const name = String(params.name);
        const wanted = this.#wanted?.get(name);
        const fields = { 'mcp-name': headerText(name) };
        if (wanted === undefined) return fields;
        return { ...fields, ...parameterFields(wanted, params.arguments as Params | undefined) };
      }
      case 'prompts/get':
        return { 'mcp-name': headerText(String(params.name)) };
      case 'resources/read':
        return { 'mcp-name': headerText(String(params.uri)) };
      case 'tasks/get':
      case 'tasks/update':
      case 'tasks/cancel':
        return { 'mcp-name': headerText(String(params.taskId)) };
      default:
        return undefined;
    }
  }

  /** Notes what the tools of a page want. @returns the page without those that want it in a way that is not allowed */
  read(page: ListPage<Tool>): ListPage<Tool> {
    const faults: string[] = [];
    const entries = page.entries.filter(({ name, inputSchema }) => {
      const headers = readParameterHeaders(inputSchema);
      if (typeof headers === 'string') {
        faults.push(`${JSON.stringify(name.slice(0, 100))}: ${headers}`);
        return false;
      }
      if (headers.length > 0) this.#want(name, headers);
      else this.#wanted?.delete(name);
      return true;
    });
    if (faults.length === 0) return page;
    const { count, first } = page.rejected;
    const rejected = { count: count + faults.length, first: [...first, ...faults].slice(0, MAX_NAMED) };
    return { ...page, entries, rejected };
  }
  #want(name: string, headers: readonly ParameterHeader[]): void {
    this.#wanted ??= new Map();
    this.#wanted.set(name, headers);
  }
}

import { ConfigError } from '../core/errors.js';
import type { Fleet, FleetTool } from '../manager/fleet.js';
import { isObject } from './json-schema.js';

/** @throws {ConfigError} where `tools` is no list of tools. */
export function checkTools(tools: readonly FleetTool[]): void {
  checkList('tools', tools, 'such as `tools` of what `await manager.listTools()` returns');
  for (const [position, tool] of tools.entries())
    if (typeof tool.name !== 'string') throw new ConfigError(`tools.${position}.name`, 'expected a text');
}

/** @throws {ConfigError} where `list` is no list of objects. `hint`: what to write. */
export function checkList(path: string, list: readonly object[], hint: string): void {
  if (!Array.isArray(list)) throw new ConfigError(path, `expected a list, ${hint}; got ${kindOf(list)}`);
  for (const [position, member] of list.entries())
    if (!isObject(member))
      throw new ConfigError(`${path}.${position}`, `expected an object, got ${kindOf(member)}`);
}

/** @throws {ConfigError} */
export function checkManager(manager: Fleet): void {
  if (typeof manager?.callTool !== 'function')
    throw new ConfigError(
      'manager',
      `expected an McpManager or what its as() returns, got ${kindOf(manager)}`,
    );
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

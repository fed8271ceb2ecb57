import { ConfigError } from '../core/errors.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** No entry is nested deeper, and what is deeper may have no end. */
const DEEPEST = 16;
const LITERAL = 'write $${ for a literal ${';
const VARIABLE = /^[\w./-][\w.:/()-]*$/;

/**
 * A copy of a JSON value with `${VAR}`, `${VAR:-default}` and `${env:VAR}` in its strings replaced. `$${` stands
 * for `${` itself.
 * @throws {ConfigError} for a variable that is not set, a reference that cannot be read, and what is no JSON.
 */
export function withReferences(value: unknown, env: Environment, path: string, depth = 0): unknown {
  if (depth > DEEPEST) throw new ConfigError(path, 'is nested too deeply');
  if (typeof value === 'string') return expanded(value, env, path);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value))
    return Array.from(value, (member, index) => withReferences(member, env, `${path}.${index}`, depth + 1));
  if (!isPlain(value)) throw new ConfigError(path, `expected JSON, got a value of type ${typeof value}`);
  const copies = Object.entries(value).map(([key, member]): [string, unknown] => {
    if (key === '__proto__') throw new ConfigError(`${path}.__proto__`, 'is a name that must not be used');
    return [key, member === undefined ? undefined : withReferences(member, env, `${path}.${key}`, depth + 1)];
  });
  return Object.fromEntries(copies);
}

/** An object as JSON makes it, and not an instance of something. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function expanded(text: string, env: Environment, path: string): string {
  return text.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, inside: string | undefined, end: string) => {
    if (inside === undefined) return whole.slice(1);
    if (end === '') throw new ConfigError(path, `holds a reference without its end; ${LITERAL}`);
    return resolved(inside, env, path);
  });
}

function resolved(inside: string, env: Environment, path: string): string {
  const [, name = '', fallback] = /^(?:env:)?(.*?)(?::-(.*))?$/s.exec(inside) ?? [];
  if (!VARIABLE.test(name))
    throw new ConfigError(path, `holds a reference without the name of a variable; ${LITERAL}`);
  if (fallback?.includes('${'))
    throw new ConfigError(
      path,
      `holds a reference inside the default of ${name}, which would not be replaced`,
    );
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  // As in a shell: an empty variable has the default, too.
  if (fallback !== undefined) return value || fallback;
  if (typeof value === 'string') return value;
  const hint = name.startsWith('input:') ? `; nobody can be asked here, so give env['${name}']` : '';
  throw new ConfigError(path, `the variable ${name} is not set and has no default${hint}`);
}

import type { z } from 'zod';
import type { Fleet } from '../manager/fleet.js';
import type { RestAction } from './options.js';

/** One route: its schemas say what is accepted and what is answered, here and in the OpenAPI document. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With parameters in braces, as OpenAPI writes them: `/servers/{name}`. */
  readonly path: string;
  /** `none`: everybody may. */
  readonly kind: RestAction['kind'] | 'none';
  readonly summary: string;
  readonly query: z.ZodObject | undefined;
  readonly body: z.ZodType | undefined;
  /** By status; problems are understood. */
  readonly answers: Readonly<Record<number, AnswerType>>;
  /** What a body wants to do, in particular. */
  targets(body: unknown): readonly RestTarget[];
  handle(input: RouteInput<unknown, unknown>): Promise<Answer> | Answer;
}

export type RestTarget = Pick<RestAction, 'server' | 'tool'>;

/** A schema for JSON, or another type of content. */
export type AnswerType = z.ZodType | 'text/event-stream' | 'text/html';

export interface RouteInput<Query, Body> {
  /** Decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly request: Request;
  /** What to ask, on behalf of whoever `identify` says is calling. */
  readonly fleet: Fleet;
  /** Aborts when the caller is gone. */
  readonly signal: AbortSignal;
}

/** What is JSON comes with its status; what is something else is a response already. */
export type Answer = { readonly status: number; readonly json: unknown } | Response;

interface RouteDefinition<Query extends z.ZodObject, Body extends z.ZodType> {
  kind: Route['kind'];
  summary: string;
  query?: Query;
  body?: Body;
  answers: Route['answers'];
  targets?: (body: z.output<Body>) => readonly RestTarget[];
  handle(input: RouteInput<z.output<Query>, z.output<Body>>): Promise<Answer> | Answer;
}

/** @param place method and path, for example `GET /servers/{name}` */
export function route<Query extends z.ZodObject, Body extends z.ZodType>(
  place: `${Route['method']} /${string}`,
  definition: RouteDefinition<Query, Body>,
): Route {
  const [method, path = ''] = place.split(' ') as [Route['method'], string];
  const { query, body, targets = () => [], handle } = definition;
  return {
    ...definition,
    method,
    path,
    query,
    body,
    targets: targets as Route['targets'],
    handle: handle as Route['handle'],
  };
}

export function ok(json: unknown, status = 200): Answer {
  return { status, json };
}

import { z } from 'zod';

/**
 * What the API v0.1 of the MCP registry answers, as far as it is used here (its `openapi.yaml`, and
 * `server.schema.json` of 2025-12-11). What is unknown is left out, `null` is nothing.
 */

/** Longer lists are nobody's honest work. */
const MAX_ENTRIES = 100;
const LONGEST_TEXT = 10_000;

const text = z.string().max(LONGEST_TEXT);
const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined);
const list = <Schema extends z.ZodType>(entry: Schema) =>
  optional(z.array(entry).max(MAX_ENTRIES)).transform((entries) => entries ?? []);

const inputSchema = z.object({
  description: optional(text),
  isRequired: optional(z.boolean()),
  isSecret: optional(z.boolean()),
  format: optional(z.enum(['string', 'number', 'boolean', 'filepath'])),
  value: optional(text),
  default: optional(text),
  placeholder: optional(text),
  choices: optional(z.array(text).max(MAX_ENTRIES)),
});

const variables = optional(z.record(text, inputSchema)).transform(
  (given) => new Map(Object.entries(given ?? {})),
);
const fieldSchema = inputSchema.extend({ variables });
const keyValueSchema = fieldSchema.extend({ name: text });
const argumentSchema = z.discriminatedUnion('type', [
  fieldSchema.extend({
    type: z.literal('positional'),
    valueHint: optional(text),
    isRepeated: optional(z.boolean()),
  }),
  fieldSchema.extend({ type: z.literal('named'), name: text, isRepeated: optional(z.boolean()) }),
]);

const packageSchema = z.object({
  registryType: text,
  registryBaseUrl: optional(text),
  identifier: z.string().max(300),
  version: optional(text),
  runtimeHint: optional(text),
  transport: z.object({ type: text }),
  runtimeArguments: list(argumentSchema),
  packageArguments: list(argumentSchema),
  environmentVariables: list(keyValueSchema),
});

const remoteSchema = z.object({
  type: z.enum(['streamable-http', 'sse']),
  url: text,
  headers: list(keyValueSchema),
  variables,
});

/** One that is not what it should be does not spoil the others. */
const those = <Schema extends z.ZodType>(schema: Schema) =>
  list(z.unknown()).transform((entries) =>
    entries.flatMap((entry): z.output<Schema>[] => {
      const read = schema.safeParse(entry);
      return read.success ? [read.data] : [];
    }),
  );

const OFFICIAL = 'io.modelcontextprotocol.registry/official';

export const entrySchema = z
  .object({
    server: z.object({
      name: z.string().max(200),
      description: optional(text),
      title: optional(text),
      version: z.string().max(255),
      websiteUrl: optional(text),
      repository: optional(z.object({ url: optional(text) })),
      packages: those(packageSchema),
      remotes: those(remoteSchema),
    }),
    _meta: optional(z.object({ [OFFICIAL]: optional(z.object({ status: optional(z.string()) })) })),
  })
  .transform(({ server, _meta }) => ({ ...server, status: _meta?.[OFFICIAL]?.status ?? 'active' }));

export const pageSchema = z.object({
  servers: z.array(z.unknown()).nullable(),
  metadata: optional(z.object({ nextCursor: optional(z.string()) })),
});

export type RegistryEntry = z.output<typeof entrySchema>;
export type RegistryPackage = z.output<typeof packageSchema>;
export type RegistryRemote = z.output<typeof remoteSchema>;
export type RegistryArgument = z.output<typeof argumentSchema>;
export type Input = z.output<typeof inputSchema>;
/** An input whose `value` may hold variables. */
export type Field = z.output<typeof fieldSchema>;

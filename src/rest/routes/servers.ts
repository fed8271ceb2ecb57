import { z } from 'zod';
import type { ServerConfig } from '../../client/server-config.js';
import type { ServerSnapshot } from '../../client/snapshot.js';
import { ConfigError, UnknownServerError } from '../../core/errors.js';
import { nearestHint } from '../../core/nearest.js';
import type { Fleet } from '../../manager/fleet.js';
import type { McpManager } from '../../manager/mcp-manager.js';
import { addressGuard } from '../../net/address-guard.js';
import type { RestSettings } from '../options.js';
import { Refusal } from '../problem.js';
import { snapshotReport } from '../reports.js';
import { ok, type Route, route } from '../route.js';
import { fields, flag, fleetStatusSchema, snapshotSchema } from '../schemas.js';
import { newServerSchema, presetServerSchema, serverEntry } from '../server-entry.js';

const PROBE_TIMEOUT_MS = 5_000;

export const addServerSchema = z.union([newServerSchema, presetServerSchema]);
export const serversSchema = z.object({ servers: z.array(snapshotSchema) });
export const serverAddedSchema = z.object({ message: z.string(), server: snapshotSchema });
export const messageSchema = z.object({ message: z.string() });
export const serversStatusSchema = z.object({
  status: fleetStatusSchema,
  servers: z.record(z.string(), snapshotSchema),
});

const probeQuery = fields({ probe: flag.describe('true: ask every server first whether it answers') });

export function serverRoutes(manager: McpManager, settings: RestSettings): Route[] {
  const guard = addressGuard(settings);

  const configOf = (body: z.output<typeof addServerSchema>): ServerConfig => {
    if ('url' in body) return serverEntry(body, guard);
    const { preset } = body;
    if (Object.hasOwn(settings.presets, preset)) return { ...(settings.presets[preset] as ServerConfig) };
    const hint = nearestHint(preset, Object.keys(settings.presets));
    throw new Refusal('INVALID_REQUEST', `preset: is not known${hint}`, { path: 'preset' });
  };

  const snapshotIn = (fleet: Fleet, name: string): ServerSnapshot => {
    const client = manager.client(name);
    return fleet.snapshot().servers.find(({ server }) => server === name) ?? client.snapshot();
  };

  return [
    route('GET /servers', {
      kind: 'read',
      summary: 'Lists the servers',
      answers: { 200: serversSchema },
      handle: ({ fleet }) => ok({ servers: fleet.snapshot().servers.map(snapshotReport) }),
    }),
    route('POST /servers', {
      kind: 'admin',
      summary: 'Adds a server, at a URL or from a preset',
      body: addServerSchema,
      answers: { 201: serverAddedSchema },
      targets: ({ name }) => [{ server: name }],
      handle({ body, fleet }) {
        const { name } = body;
        if (manager.clients.has(name))
          throw new Refusal('NAME_IN_USE', `There is a server ${name} already`, { path: 'name' });
        if (manager.clients.size >= settings.maxServers)
          throw new Refusal(
            'TOO_MANY_SERVERS',
            `There are ${manager.clients.size} servers; remove one first`,
          );
        inBody(name, () => manager.addServer(name, configOf(body)));
        return ok(
          { message: `Server ${name} was added`, server: snapshotReport(snapshotIn(fleet, name)) },
          201,
        );
      },
    }),
    route('GET /servers/status', {
      kind: 'read',
      summary: 'Tells the status of every server',
      query: probeQuery,
      answers: { 200: serversStatusSchema },
      async handle({ query, fleet, signal }) {
        if (query.probe === 'true') await fleet.ping({ signal, timeoutMs: PROBE_TIMEOUT_MS });
        const { status, servers } = fleet.snapshot();
        return ok({
          status,
          servers: Object.fromEntries(servers.map((one) => [one.server, snapshotReport(one)])),
        });
      },
    }),
    route('GET /servers/{name}', {
      kind: 'read',
      summary: 'Tells the state of a server',
      answers: { 200: snapshotSchema },
      handle: ({ parameters: { name = '' }, fleet }) => ok(snapshotReport(snapshotIn(fleet, name))),
    }),
    route('DELETE /servers/{name}', {
      kind: 'admin',
      summary: 'Removes a server, after its running calls',
      answers: { 200: messageSchema },
      async handle({ parameters: { name = '' } }) {
        if (await manager.removeServer(name)) return ok({ message: `Server ${name} was removed` });
        throw new UnknownServerError(
          `No server ${JSON.stringify(name)}${nearestHint(name, manager.clients.keys())}`,
          {
            server: name,
          },
        );
      },
    }),
  ];
}

/** Tells a fault of an entry by its place in the body instead of its place in the manager. */
function inBody<Value>(name: string, add: () => Value): Value {
  try {
    return add();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const path = error.path.replace(/^servers\./, '');
    const inside = path.slice(0, name.length + 1) === `${name}.` ? path.slice(name.length + 1) : 'name';
    const problem = error.message.slice(error.path.length + 2);
    throw new Refusal('INVALID_REQUEST', `${inside}: ${problem}`, { path: inside });
  }
}

import { describe, expect, test } from 'vitest';
import type { ServerSnapshot } from '../../../src/client/snapshot.js';
import type { ServerStatus } from '../../../src/client/status.js';
import { fleetStatus, type ManagerSnapshot } from '../../../src/manager/fleet.js';

describe('the status of a fleet', () => {
  const table: [ServerStatus[], ManagerSnapshot['status']][] = [
    [[], 'idle'],
    [['idle'], 'idle'],
    [['idle', 'idle'], 'idle'],
    [['ready'], 'ready'],
    [['ready', 'ready'], 'ready'],
    [['ready', 'idle'], 'ready'],
    [['ready', 'connecting'], 'degraded'],
    [['ready', 'reconnecting'], 'degraded'],
    [['ready', 'failed'], 'degraded'],
    [['ready', 'closed'], 'degraded'],
    [['ready', 'idle', 'failed'], 'degraded'],
    [['connecting'], 'down'],
    [['reconnecting'], 'down'],
    [['failed'], 'down'],
    [['closed'], 'down'],
    [['idle', 'failed'], 'down'],
    [['idle', 'connecting'], 'down'],
    [['failed', 'reconnecting', 'connecting'], 'down'],
  ];

  test.each(table)('with servers %j is %s', (statuses, expected) => {
    expect(fleetStatus(statuses.map(snapshot))).toBe(expected);
  });
});

function snapshot(status: ServerStatus): ServerSnapshot {
  return {
    server: 's',
    status,
    transport: 'http',
    circuit: 'closed',
    inFlight: 0,
    queued: 0,
    since: new Date(0).toISOString(),
  };
}

import type { JSONRPCRequest } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, test } from 'vitest';
import { SessionProof } from '../../../../src/session/transports/session-proof.js';

type Outcome = 'answered' | 'refused' | 'nothing';

function proving(...outcomes: Outcome[]) {
  const asked: string[] = [];
  const proof = new SessionProof(async ({ method }: JSONRPCRequest) => {
    asked.push(method);
    await Promise.resolve();
    return outcomes.shift() ?? 'answered';
  });
  return { asked, proof };
}

describe('whether a session has gone', () => {
  test('is asked with what the server took before', async () => {
    const { asked, proof } = proving('refused', 'refused');
    proof.accepted({ method: 'tools/list' });
    proof.accepted({ method: 'tools/call' });
    expect(await proof.isGone(undefined)).toBe(true);
    proof.accepted({ method: 'ping' });
    expect(await proof.isGone(undefined)).toBe(true);
    expect(asked).toEqual(['tools/list', 'ping']);
  });

  test('is asked twice where the server took nothing of the kind, for it may not know the one', async () => {
    const { asked, proof } = proving('refused', 'answered', 'refused', 'refused');
    proof.accepted({ method: 'tools/call' });
    expect(await proof.isGone(undefined)).toBe(false);
    expect(await proof.isGone(undefined)).toBe(true);
    expect(asked).toEqual(['ping', 'tools/list', 'ping', 'tools/list']);
  });

  test('is not so where it answers, or where nothing can be known', async () => {
    const { proof } = proving('answered', 'nothing');
    proof.accepted({ method: 'ping' });
    expect(await proof.isGone(undefined)).toBe(false);
    expect(await proof.isGone(undefined)).toBe(false);
    expect(proof.isDoubtful).toBe(false);
  });

  test('is doubtful after three refusals in a row, whatever pings say', async () => {
    const { proof } = proving();
    proof.accepted({ method: 'ping' });
    for (let times = 0; times < 3; times++) await proof.isGone(undefined);
    expect(proof.isDoubtful).toBe(true);
    proof.accepted({ method: 'tools/call' });
    expect(proof.isDoubtful).toBe(false);
  });

  test('is asked once for all who want to know at the same time', async () => {
    const { asked, proof } = proving('refused');
    proof.accepted({ method: 'ping' });
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => proof.isGone(undefined)));
    expect(new Set(verdicts)).toEqual(new Set([true]));
    expect(asked).toHaveLength(1);
  });

  test('one that was never accepted was never there', () => {
    const { proof } = proving();
    expect(proof.wasAccepted).toBe(false);
    proof.accepted({});
    expect(proof.wasAccepted).toBe(true);
  });
});

import { z } from 'zod';
import type { McpManager } from '../../manager/mcp-manager.js';
import { ok, type Route, route } from '../route.js';
import { fields, flag, fleetStatusSchema } from '../schemas.js';

export const healthSchema = z.object({ status: fleetStatusSchema });

const strictQuery = fields({ strict: flag.describe('503 unless every server is ready or idle') });

export function healthRoutes(manager: McpManager): Route[] {
  return [
    route('GET /health', {
      kind: 'none',
      summary: 'Tells whether any server is of use; with strict, whether every server is',
      query: strictQuery,
      answers: { 200: healthSchema, 503: healthSchema },
      handle({ query: { strict } }) {
        const { status } = manager.snapshot();
        // One sick server must not take the whole service out of rotation.
        const isWell =
          status === 'ready' || status === 'idle' || (status === 'degraded' && strict !== 'true');
        return ok({ status }, isWell ? 200 : 503);
      },
    }),
  ];
}

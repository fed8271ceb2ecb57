import { z } from 'zod';
import type { McpManager } from '../../manager/mcp-manager.js';
import { ok, type Route, route } from '../route.js';
import { fleetStatusSchema } from '../schemas.js';

export const healthSchema = z.object({ status: fleetStatusSchema });

export function healthRoutes(manager: McpManager): Route[] {
  return [
    route('GET /health', {
      kind: 'none',
      summary: 'Tells whether every server is ready or idle',
      answers: { 200: healthSchema, 503: healthSchema },
      handle() {
        const { status } = manager.snapshot();
        return ok({ status }, status === 'ready' || status === 'idle' ? 200 : 503);
      },
    }),
  ];
}

import { z } from 'zod';
import { errorsReport } from '../reports.js';
import { ok, type Route, route } from '../route.js';
import { errorsSchema, fields, serverName } from '../schemas.js';

export const refreshSchema = fields({ server_name: serverName.optional() }).optional();
export const refreshedSchema = z.object({
  message: z.string(),
  refreshed: z.array(z.string()).describe('Names of the servers that have a new token'),
  errors: errorsSchema,
});

export function oauthRoutes(): Route[] {
  return [
    route('POST /oauth/refresh', {
      kind: 'admin',
      summary: 'Fetches new tokens now',
      body: refreshSchema,
      answers: { 200: refreshedSchema },
      targets: (body) => (body?.server_name === undefined ? [] : [{ server: body.server_name }]),
      async handle({ body, fleet, signal }) {
        const server = body?.server_name;
        const { refreshed, failed } = await fleet.refreshTokens({
          signal,
          ...(server !== undefined && { server }),
        });
        const tokens = refreshed.length === 1 ? 'token was' : 'tokens were';
        return ok({
          message: `${refreshed.length} ${tokens} refreshed`,
          refreshed,
          errors: errorsReport(failed),
        });
      },
    }),
  ];
}

export {
  type FastifyReply,
  type FastifyRequest,
  type KoaContext,
  type RestHandler,
  toFastifyHandler,
  toKoaMiddleware,
  toNodeListener,
} from './rest/node-frameworks.js';
export type { RestAction, RestHandlerOptions } from './rest/options.js';
export { createRestHandler } from './rest/rest-handler.js';

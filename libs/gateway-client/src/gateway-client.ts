import createClient, { type Client, type ClientOptions } from 'openapi-fetch';
import type { paths } from './generated/api.js';

export type GatewayClient = Client<paths>;

/**
 * A typed client of the gateway: `client.GET('/api/anime/jobs/{id}', { params: { path: { id } } })`. Its calls resolve to
 * `{ data }` or `{ error }`; `unwrap` turns that into the data or a thrown GatewayError. A gateway that cannot be reached
 * rejects as `fetch` does.
 * @param baseUrl e.g. `http://127.0.0.1:8331`
 * @param options.apiKey sent with every request; where the gateway runs on this machine it need not be given
 */
export function createGatewayClient(
  baseUrl: string,
  options: Omit<ClientOptions, 'baseUrl'> & { readonly apiKey?: string | undefined } = {},
): GatewayClient {
  const { apiKey, ...others } = options;
  const client = createClient<paths>({ ...others, baseUrl });
  if (apiKey !== undefined) {
    client.use({
      onRequest: ({ request }) => {
        request.headers.set('authorization', `Bearer ${apiKey}`);
        return request;
      },
    });
  }
  return client;
}

import { deriveId, studioId } from '@anime/event-store';
import { ProblemError } from '@anime/problem-details';
import type { Caller } from './caller.js';

/** Headers of a request, each with all its values, as Node's `IncomingMessage.headersDistinct` has them. */
export type DistinctHeaders = Readonly<Partial<Record<string, readonly string[]>>>;

/** Only whoever sends a request through something else has these. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

export interface LocalUserConfig {
  readonly HOST: string;
  readonly ANIME_LOCAL_USER?: boolean | undefined;
  readonly ANIME_STUDIO: string;
}

/**
 * Whom requests without a key come from: this machine's user, who may do everything. Only on loopback, where nobody else
 * can send any; there unless ANIME_LOCAL_USER=0.
 * @returns undefined when every request needs a key
 * @throws ProblemError `configuration-invalid` when it is asked for on an address that others reach
 */
export function localUser({ HOST, ANIME_LOCAL_USER: wanted, ANIME_STUDIO }: LocalUserConfig): Caller | undefined {
  if (wanted === true && !isLoopback(HOST)) {
    const message = `others reach ${HOST}, so nobody may do everything there without a key: leave it away, or set HOST to 127.0.0.1`;
    throw new ProblemError('configuration-invalid', '1 variable(s) of the environment are not usable', {
      errors: [{ path: 'ANIME_LOCAL_USER', message }],
    });
  }
  if (!isLoopback(HOST) || wanted === false) return undefined;
  return { actor: deriveId(studioId(ANIME_STUDIO), 'actor', 'local'), scopes: ['admin'], keyId: null };
}

/**
 * Why a request that came to loopback is not this machine's user's all the same; undefined when nothing speaks against it.
 * A browser lets any page send requests to any address, under a name of its own that points here too (DNS rebinding), and
 * a proxy on this machine hands on what anybody sent: the headers tell, unless the proxy hides it (then: ANIME_LOCAL_USER=0).
 */
export function notLocal(headers: DistinctHeaders): string | undefined {
  const proxied = PROXY_HEADERS.find((name) => headers[name] !== undefined);
  if (proxied !== undefined) return `it came through something else (header ${proxied})`;
  const [host = '', ...more] = headers['host'] ?? [];
  if (more.length > 0 || !isLoopback(hostnameOf(`http://${host}`) ?? ''))
    return 'it was sent to another name than that of this machine (header Host)';
  const foreign = (headers['origin'] ?? []).find((origin) => !isLoopback(hostnameOf(origin) ?? ''));
  return foreign === undefined ? undefined : 'it was sent by a page from elsewhere (header Origin)';
}

/** Whether only this machine itself reaches this address. */
function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    hostname === '::1' ||
    /^127(\.\d{1,3}){3}$/.test(hostname)
  );
}

function hostnameOf(address: string): string | undefined {
  return URL.canParse(address) ? new URL(address).hostname : undefined;
}

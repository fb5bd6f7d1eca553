import { ProblemError } from '@anime/problem-details';

/** Headers of a request, each with all its values, as Node's `IncomingMessage.headersDistinct` has them. */
export type DistinctHeaders = Readonly<Partial<Record<string, readonly string[]>>>;

/** Only whoever sends a request through something else has these. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

/**
 * Whether requests without a key are those of this machine's user, who may do everything. Only on loopback, where nobody
 * else can send any; there unless ANIME_LOCAL_USER=0.
 * @throws ProblemError `configuration-invalid` when it is asked for on an address that others reach
 */
export function hasLocalUser(config: {
  readonly HOST: string;
  readonly ANIME_LOCAL_USER?: boolean | undefined;
}): boolean {
  const { HOST, ANIME_LOCAL_USER: wanted } = config;
  if (wanted === true && !isLoopback(HOST)) {
    const message = `others reach ${HOST}, so nobody may do everything there without a key: leave it away, or set HOST to 127.0.0.1`;
    throw new ProblemError('configuration-invalid', '1 variable(s) of the environment are not usable', {
      errors: [{ path: 'ANIME_LOCAL_USER', message }],
    });
  }
  return isLoopback(HOST) && wanted !== false;
}

/**
 * Why a request that came to loopback is not this machine's user's all the same; undefined when nothing speaks against it.
 * A browser lets any page send requests to any address, under a name of its own that points here too (DNS rebinding), and
 * a proxy on this machine hands on what anybody sent: both can be told from the headers.
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

/**
 * Whether a browser's page may connect. Browsers let any page open a WebSocket to any address and only tell where the page
 * is from, so this is what keeps foreign pages out of a studio that needs no password on its own machine.
 * @param origin header `Origin`; undefined when the caller is no browser
 * @param host header `Host`
 * @param bound address that the service listens on; beyond loopback, pages of that very host may connect too
 */
export function originAllowed(origin: string | undefined, host: string | undefined, bound: string): boolean {
  if (origin === undefined) return true;
  const page = hostnameOf(origin);
  if (page === undefined) return false;
  if (isLoopback(page)) return true;
  return !isLoopback(bound) && host !== undefined && page === hostnameOf(`http://${host}`);
}

/** Whether only this machine itself reaches this address. */
export function isLoopback(hostname: string): boolean {
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

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

function hostnameOf(address: string): string | undefined {
  return URL.canParse(address) ? new URL(address).hostname : undefined;
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    hostname === '::1' ||
    /^127(\.\d{1,3}){3}$/.test(hostname)
  );
}

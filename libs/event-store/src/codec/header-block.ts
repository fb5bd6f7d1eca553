const decoder = new TextDecoder();
const KEY = /^[\x21-\x39\x3b-\x7e]*$/;
const NO_VALUE = /[\r\n]/;

/**
 * The headers of a stored message, the first value of each, exactly as the NATS client reads them; its own parser costs more
 * than receiving the message, as it brings each name into canonical form and looks it up among all before it.
 * @param block `NATS/1.0` and lines of `name: value`, each ended by CR LF
 * @throws Error where the client's parser does: at a name or a value that no header may have
 */
export function readHeaders(block: Uint8Array): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const lines = decoder.decode(block).split('\r\n');
  for (let index = 1; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    const colon = line.indexOf(':');
    if (colon === -1) continue;
    const key = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    if (!KEY.test(key) || NO_VALUE.test(value)) throw new Error('a header is not valid');
    if (!headers.has(key)) headers.set(key, value);
  }
  return headers;
}

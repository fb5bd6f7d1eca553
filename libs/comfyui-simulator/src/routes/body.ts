/**
 * The parsed body. A bare NaN or Infinity, which Python's parser takes, is refused here.
 * @throws SyntaxError which ends as ComfyUI's 500
 */
export function jsonBody(body: Buffer): unknown {
  return JSON.parse(body.toString('utf8'));
}

/** The members of a JSON object; of anything else none, where Python asks `"x" in body`. @throws TypeError for null */
export function bodyMembers(body: Buffer): Record<string, unknown> {
  const parsed = jsonBody(body);
  if (typeof parsed !== 'object' || parsed === null) throw new TypeError('the body is not a container');
  return Array.isArray(parsed) ? {} : Object.fromEntries(Object.entries(parsed));
}

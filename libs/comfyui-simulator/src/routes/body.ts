import { isRecord } from '../graph.js';
import { parsePythonJson } from '../python-json.js';

/**
 * The parsed body, as Python reads it: bare NaN and Infinity are numbers.
 * @throws SyntaxError which ends as ComfyUI's 500
 */
export function jsonBody(body: Buffer): unknown {
  return parsePythonJson(body.toString('utf8'));
}

/** The members of a JSON object; of anything else none, where Python asks `"x" in body`. @throws TypeError for null */
export function bodyMembers(body: Buffer): Record<string, unknown> {
  const parsed = jsonBody(body);
  if (typeof parsed !== 'object' || parsed === null) throw new TypeError('the body is not a container');
  return isRecord(parsed) ? parsed : {};
}

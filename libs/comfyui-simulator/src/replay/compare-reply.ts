import { isRecord } from '../graph.js';
import { parsePythonJson, pythonJson } from '../python-json.js';
import { differences, hasVaryingLength, type Names, normalForm, type NormalFormOptions } from './normal-form.js';
import type { RecordedBody, RecordedRequest } from './recording.js';
import type { WireReply } from './wire.js';

export interface Comparison {
  readonly names: Names;
  /** Header values that later requests repeat, recorded to replayed. */
  readonly headers: Map<string, string>;
  readonly options: NormalFormOptions;
}

const COMPARED_HEADERS = [
  'content-type',
  'content-disposition',
  'accept-ranges',
  'content-range',
  'x-content-type-options',
  'cache-control',
  'vary',
  'allow',
  'transfer-encoding',
];
/** Differ from file to file; they must be there, and stay what they are. */
const FILE_HEADERS = ['etag', 'last-modified'];

/** Where an answer is not the recorded one. */
export function compareReply(recorded: RecordedRequest, reply: WireReply, comparison: Comparison): string[] {
  const found = differences(recorded.status, reply.status, 'status');
  const { headers } = recorded;
  if (headers !== undefined) found.push(...compareHeaders(recorded, headers, reply, comparison));
  if (isOfMachine(recorded)) {
    // It describes the machine: only the members can be the same.
    found.push(
      ...differences(membersOf(jsonOf(recorded.body)), membersOf(parsePythonJson(reply.body.toString('utf8'))), 'body'),
    );
  } else if (recorded.body !== undefined && recorded.method !== 'HEAD') {
    found.push(...compareBody(recorded.body, reply.body, comparison));
  }
  return found;
}

const isOfMachine = ({ path }: RecordedRequest): boolean => path.endsWith('/system_stats');

const jsonOf = (body: RecordedBody | undefined): unknown =>
  body !== undefined && 'json' in body ? body.json : undefined;

/** The names of all members, in their order; of lists the first item. */
function membersOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [membersOf(value[0])];
  if (!isRecord(value)) return '<value>';
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, name === 'argv' ? '<list>' : membersOf(member)]),
  );
}

function compareHeaders(
  recorded: RecordedRequest,
  headers: Readonly<Record<string, string>>,
  reply: WireReply,
  { names, headers: known, options }: Comparison,
): string[] {
  const found: string[] = [];
  for (const name of COMPARED_HEADERS) {
    // Sizes of pictures differ: another encoder made them.
    const plain = (value: string | undefined): unknown =>
      value === undefined ? undefined : normalForm(names.translate(value).replace(/\/\d+$/, '/<size>'), options);
    found.push(...differences(plain(headers[name]), plain(latin1ToUtf8(reply.headers[name])), name));
  }
  for (const name of FILE_HEADERS) {
    const value = headers[name];
    const other = reply.headers[name];
    if ((value === undefined) !== (other === undefined)) found.push(`${name}: recorded ${value}, replayed ${other}`);
    else if (value !== undefined && other !== undefined) known.set(value, other);
  }
  const length = headers['content-length'];
  const replayed = reply.headers['content-length'];
  if (hasExactLength(recorded)) found.push(...differences(length, replayed, 'content-length'));
  else if ((length === undefined) !== (replayed === undefined)) found.push('content-length: only in one of them');
  return found;
}

/** Header bytes are UTF-8 from both servers; Node reads most of them as Latin-1. */
const latin1ToUtf8 = (value: string | undefined): string | undefined =>
  value === undefined || /[^\u0000-\u00ff]/.test(value) ? value : Buffer.from(value, 'latin1').toString('utf8');

function hasExactLength(recorded: RecordedRequest): boolean {
  const { body, method } = recorded;
  if (isOfMachine(recorded)) return false;
  if (body === undefined || 'omitted' in body || method === 'HEAD') return false;
  if ('text' in body) return true;
  return 'json' in body ? !hasVaryingLength(pythonJson(body.json)) : body.len === 0;
}

function compareBody(recorded: RecordedBody, reply: Buffer, { names, options }: Comparison): string[] {
  if ('omitted' in recorded) return [];
  const text = reply.toString('utf8');
  if ('text' in recorded) return differences(recorded.text, text, 'body');
  if ('len' in recorded) {
    if (recorded.len === 0 || reply.length === 0) return differences(recorded.len, reply.length, 'body length');
    // What kind of file it is stands in its first bytes.
    const magic = recorded.head_hex?.slice(0, 6);
    return magic === undefined ? [] : differences(magic, reply.toString('hex', 0, 3), 'first bytes');
  }
  let json: unknown;
  try {
    json = parsePythonJson(text);
  } catch {
    return [`body: not JSON: ${text.slice(0, 100)}`];
  }
  names.learn(recorded.json, json);
  const expected = parsePythonJson(names.translate(pythonJson(recorded.json)));
  return differences(normalForm(expected, options), normalForm(json, options), 'body');
}

/** One part of a form. `filename` undefined or empty: a plain field. */
export interface FormPart {
  readonly name: string;
  readonly filename: string | undefined;
  readonly content: Buffer;
}

/**
 * Reads multipart/form-data as aiohttp does: names are UTF-8, a backslash in a quoted string guards the next
 * character, nothing is percent-decoded. Undefined when the content type names no boundary.
 * Source: RFC 7578, RFC 9110 5.6.4 (quoted strings).
 */
export function parseMultipart(contentType: string, body: Buffer): FormPart[] | undefined {
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/i.exec(contentType)?.[1];
  if (boundary === undefined) return undefined;
  const delimiter = Buffer.from(`--${boundary}`);
  const parts: FormPart[] = [];
  let start = body.indexOf(delimiter);
  while (start >= 0) {
    const next = body.indexOf(delimiter, start + delimiter.length);
    if (next < 0) break;
    // Between the delimiters: a line break, the part, a line break.
    const part = readPart(body.subarray(start + delimiter.length + 2, next - 2));
    if (part !== undefined) parts.push(part);
    start = next;
  }
  return parts;
}

function readPart(bytes: Buffer): FormPart | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const disposition = /^content-disposition:\s*form-data;(.*)$/im.exec(bytes.toString('utf8', 0, end))?.[1];
  if (disposition === undefined) return undefined;
  const parameters = new Map<string, string>();
  for (const [, name = '', value = ''] of disposition.matchAll(/([\w*]+)="((?:[^"\\]|\\.)*)"/g)) {
    parameters.set(name, value.replace(/\\(.)/g, '$1'));
  }
  return {
    name: parameters.get('name') ?? '',
    filename: parameters.get('filename'),
    content: bytes.subarray(end + 4),
  };
}

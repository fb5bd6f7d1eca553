import { StringDecoder } from 'node:string_decoder';

/** One line of JSON logging. */
export type JsonLine = Readonly<Record<string, unknown>>;

const KEPT_TEXT_LINES = 500;
const KEPT_JSON_LINES = 5000;

/** Keeps the last lines a process wrote and reads the JSON ones of stdout, wherever chunks are cut. */
export class OutputRecorder {
  /** The address the process told: the first JSON line with a string `url`, or a number `port` on loopback. */
  url: string | undefined;
  readonly lines: JsonLine[] = [];
  private readonly kept: string[] = [];
  private readonly out = new LineSplitter();
  private readonly err = new LineSplitter();

  stdout(chunk: Buffer): void {
    for (const line of this.out.push(chunk)) {
      this.keep(line);
      const json = parse(line);
      if (json === undefined) continue;
      this.lines.push(json);
      if (this.lines.length > KEPT_JSON_LINES) this.lines.shift();
      this.url ??= addressIn(json);
    }
  }

  stderr(chunk: Buffer): void {
    for (const line of this.err.push(chunk)) this.keep(line);
  }

  text(): string {
    return [...this.kept, this.out.rest, this.err.rest].filter((line) => line !== '').join('\n');
  }

  private keep(line: string): void {
    this.kept.push(line);
    if (this.kept.length > KEPT_TEXT_LINES) this.kept.shift();
  }
}

class LineSplitter {
  rest = '';
  private readonly decoder = new StringDecoder('utf8');

  push(chunk: Buffer): string[] {
    const parts = (this.rest + this.decoder.write(chunk)).split('\n');
    this.rest = parts.pop() ?? '';
    return parts;
  }
}

function parse(line: string): JsonLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as JsonLine) : undefined;
  } catch {
    return undefined;
  }
}

function addressIn(line: JsonLine): string | undefined {
  const { url, port } = line;
  if (typeof url === 'string' && URL.canParse(url)) return url;
  return typeof port === 'number' ? `http://127.0.0.1:${port}` : undefined;
}

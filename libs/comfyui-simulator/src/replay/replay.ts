import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pythonJson } from '../python-json.js';
import type { Simulator } from '../simulator.js';
import { compareReply } from './compare-reply.js';
import { eventOrder, type Heard, isMilestone } from './event-order.js';
import { differences, Names, type NormalFormOptions } from './normal-form.js';
import type { RecordedLine, RecordedRequest } from './recording.js';
import { bodyOf, Listening, send, type WireReply } from './wire.js';

/** How one recording is replayed. Lines are those of its file. */
export interface Plan extends NormalFormOptions {
  /** Number of its first prompt: the server had been up for a while. */
  readonly firstNumber: number;
  /** Requests that are not replayed, and why. */
  readonly leftOut: Readonly<Record<number, string>>;
  /** Requests that are replayed and whose answers differ, and why. */
  readonly different: Readonly<Record<number, string>>;
  /** Sockets whose events are not compared, and why. */
  readonly unheard: Readonly<Record<string, string>>;
  /** What befell the server, or its files, before a line. */
  readonly events: Readonly<Record<number, 'crash' | 'restart' | { readonly deleted: string }>>;
  /**
   * Text of a request to replace, and with what: what was really sent, where the recording shows what became of it later; or an
   * id that the server had drawn, where others follow from it.
   */
  readonly corrected: Readonly<Record<number, readonly [shown: string, sent: string]>>;
  /** Lines before which the recording client asked, without a line of its own, until its prompts had ended, and how that shows. */
  readonly settled: Readonly<Record<number, string>>;
  /** Requests whose answers are compared without order, and why. */
  readonly unordered: Readonly<Record<number, string>>;
}

export interface Outcome {
  requests: number;
  compared: number;
  sockets: number;
  readonly differences: string[];
  /** Entries of `different` that do not differ. */
  readonly unexpectedlyEqual: string[];
}

interface ReplayedSocket {
  readonly expected: { readonly t: number; readonly message: Heard }[];
  readonly listening: Listening;
  /** A socket on which something did not come is not waited for again. */
  hasFailed: boolean;
}

const PATIENCE_MS = 10_000;

/** Replays one recording against a simulator and says where they differ. */
export class Replay {
  readonly outcome: Outcome = { requests: 0, compared: 0, sockets: 0, differences: [], unexpectedlyEqual: [] };
  private readonly names = new Names();
  private readonly headers = new Map<string, string>();
  private readonly sockets = new Map<string, ReplayedSocket>();
  private lastAction = 0;

  constructor(
    private readonly simulator: Simulator,
    private readonly lines: readonly RecordedLine[],
    private readonly plan: Plan,
    private readonly dataDir: string,
  ) {
    // The simulator listens on another port than the server that was recorded.
    this.headers.set('http://127.0.0.1:8188', simulator.url);
  }

  async run(): Promise<Outcome> {
    for (const line of this.lines) {
      const event = this.plan.events[line.line];
      if (event === 'crash') await this.simulator.crash();
      if (event === 'restart') await this.simulator.restart();
      if (typeof event === 'object') await rm(join(this.dataDir, event.deleted));
      await this.step(line);
    }
    for (const name of this.sockets.keys()) await this.close(name, this.lines.length);
    return this.outcome;
  }

  private async step(line: RecordedLine): Promise<void> {
    switch (line.kind) {
      case 'ws_text':
        this.sockets.get(line.socket)?.expected.push({ t: line.t_ms, message: line.message });
        return;
      case 'ws_binary':
        this.sockets
          .get(line.socket)
          ?.expected.push({ t: line.t_ms, message: { type: 'binary', data: { event: line.event_type } } });
        return;
      case 'ws_open':
        await this.before(line.t_ms);
        return this.open(line);
      case 'ws_send':
        await this.before(line.t_ms);
        return this.sockets.get(line.socket)?.listening.socket.send(pythonJson(line.data));
      case 'ws_closed':
        await this.before(line.t_ms);
        return this.close(line.socket, line.line);
      case 'http':
        if (line.line in this.plan.leftOut) return;
        await this.before(line.t_ms);
        return this.request(line);
      case 'note':
        return;
    }
  }

  /**
   * Brings the replay to where the recording was: everything heard that had been heard by then; where the recording
   * waited, until the server is idle or as long as it waited.
   */
  private async before(t: number): Promise<void> {
    for (const [name, socket] of this.sockets) await this.caughtUp(name, socket, t);
    const gap = t - this.lastAction;
    this.lastAction = t;
    if (gap >= 100) await this.idle(gap);
  }

  /** Waits until nothing is queued or runs, or so many ms. */
  private async idle(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (performance.now() < end && (await this.isBusy())) await delay(5);
  }

  private async isBusy(): Promise<boolean> {
    try {
      const reply = await send(this.simulator.url, { method: 'GET', path: '/prompt', headers: {} });
      return !reply.body.toString('utf8').includes('"queue_remaining": 0');
    } catch {
      return false;
    }
  }

  private async caughtUp(name: string, socket: ReplayedSocket, t: number): Promise<void> {
    if (socket.hasFailed || name in this.plan.unheard) return;
    const wanted = socket.expected.filter((entry) => entry.t < t).map((entry) => entry.message);
    const count = (heard: readonly Heard[], isWanted: (message: Heard) => boolean): number =>
      heard.filter(isWanted).length;
    const isStatus = ({ type }: Heard): boolean => type === 'status';
    const deadline = performance.now() + PATIENCE_MS;
    const { heard } = socket.listening;
    while (count(heard, isMilestone) < count(wanted, isMilestone) || count(heard, isStatus) < count(wanted, isStatus)) {
      if (performance.now() > deadline) {
        socket.hasFailed = true;
        return;
      }
      await delay(2);
    }
  }

  private async open(line: RecordedLine & { readonly kind: 'ws_open' }): Promise<void> {
    const index = this.lines.indexOf(line);
    const first = this.lines
      .slice(index + 1)
      .flatMap((other) => (other.kind === 'ws_text' && other.socket === line.socket ? [other.message] : []));
    // A client that comes in mid-job is told the running node: the recording says at which one it came.
    const greeting = first[1]?.type === 'executing' && first[1].data['prompt_id'] === undefined ? first[1] : undefined;
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const listening = new Listening(this.simulator.url, line.query);
      while (listening.heard.length === 0 && !listening.isClosed) await delay(1);
      // The running node follows at once or not at all.
      if (greeting !== undefined) await delay(10);
      const node = listening.heard[1]?.data['node'];
      if (greeting === undefined || node === greeting.data['node'] || performance.now() > deadline) {
        this.sockets.set(line.socket, { expected: [], listening, hasFailed: false });
        return this.names.learn(first[0]?.data['sid'], listening.heard[0]?.data['sid']);
      }
      listening.socket.terminate();
      while (!listening.isClosed) await delay(1);
    }
  }

  private async close(name: string, line: number): Promise<void> {
    const socket = this.sockets.get(name);
    if (socket === undefined) return;
    await this.caughtUp(name, socket, Number.POSITIVE_INFINITY);
    this.sockets.delete(name);
    const { listening, expected } = socket;
    if (!listening.isClosed) listening.socket.close();
    while (!listening.isClosed) await delay(1);
    if (name in this.plan.unheard) return;
    this.outcome.sockets += 1;
    const recorded = eventOrder(
      expected.map(({ message }) => message),
      this.plan,
      this.names,
    );
    const replayed = eventOrder(listening.heard, this.plan);
    this.outcome.differences.push(
      ...differences(recorded.events, replayed.events, `line ${line} socket ${name} events`),
      ...differences(recorded.statuses, replayed.statuses, `line ${line} socket ${name} status`),
    );
  }

  private async request(line: RecordedRequest & { readonly line: number }): Promise<void> {
    this.outcome.requests += 1;
    if (line.line in this.plan.settled) await this.idle(PATIENCE_MS);
    await nextMillisecond();
    const found = await this.attempt(line);
    const title = `line ${line.line} ${line.method} ${line.path} [${line.note ?? ''}]`;
    if (line.line in this.plan.different) {
      if (found.length === 0) this.outcome.unexpectedlyEqual.push(title);
      return;
    }
    this.outcome.compared += 1;
    this.outcome.differences.push(...found.map((difference) => `${title} ${difference}`));
  }

  private async attempt(line: RecordedRequest & { readonly line: number }): Promise<string[]> {
    let reply: WireReply;
    try {
      reply = await this.send(line);
    } catch (error) {
      return line.exception === undefined ? [`no answer: ${String(error)}`] : [];
    }
    if (line.exception !== undefined) return [`answered ${reply.status}, where the recording has no answer`];
    const options = { ...this.plan, isUnordered: line.line in this.plan.unordered };
    return compareReply(line, reply, { names: this.names, headers: this.headers, options });
  }

  private async send(line: RecordedRequest & { readonly line: number }): Promise<WireReply> {
    const [shown, sent] = this.plan.corrected[line.line] ?? ['', ''];
    const json =
      'request_json' in line ? this.names.translate(pythonJson(line.request_json)).replace(shown, sent) : undefined;
    const { body, contentType } = bodyOf(line, json);
    const headers = Object.entries(line.request_headers ?? {}).map(([name, value]): [string, string] => [
      name,
      this.headers.get(value) ?? value,
    ]);
    const path = this.names.translate(await this.withKnownTempNames(line.path));
    return send(this.simulator.url, {
      method: line.method,
      path,
      headers: {
        ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
        ...Object.fromEntries(headers),
      },
      ...(body === undefined ? {} : { body }),
    });
  }

  /** The random name of a preview was not always in an answer: then it is that of the newest preview. */
  private async withKnownTempNames(path: string): Promise<string> {
    const [name] = path.match(/ComfyUI_temp_[a-z]{5}_/) ?? [];
    if (name === undefined || this.names.translate(name) !== name) return path;
    const reply = await send(this.simulator.url, { method: 'GET', path: '/history', headers: {} });
    const newest = reply.body
      .toString('utf8')
      .match(/ComfyUI_temp_[a-z]{5}_/g)
      ?.at(-1);
    if (newest !== undefined) this.names.bind(name, newest);
    return path;
  }
}

/** Creation times are in ms, and jobs are listed by them: orders that had a time of their own have one again. */
async function nextMillisecond(): Promise<void> {
  const now = Date.now();
  while (Date.now() === now) await delay(1);
}

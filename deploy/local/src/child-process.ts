import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { withParentDeath } from '@anime/embedded-servers';
import { messageOf } from '@anime/problem-details';

export interface ChildOptions {
  readonly name: string;
  /** JavaScript file to run with this Node. */
  readonly entry: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly logFile: string;
  /** Called when it ends without having been asked to. */
  readonly onUnexpectedExit: (child: StackChild) => void;
  /** Told of what goes wrong and does not end it: a log that cannot be written. */
  readonly onTrouble: (message: string) => void;
}

const STOP_LIMIT_MS = 15_000;

/** One process of the stack; dies with the launcher, writes its log to a file. */
export class StackChild {
  readonly options: ChildOptions;
  readonly #process: ChildProcess;
  readonly #exited: Promise<string>;
  #stopping = false;
  #logLost = false;
  readonly #lastLines: string[] = [];
  readonly #url: Promise<string>;

  constructor(options: ChildOptions) {
    this.options = options;
    const { command, args } = withParentDeath('TERM', process.execPath, [options.entry, ...(options.args ?? [])]);
    this.#process = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C reaches the launcher alone: it stops the others in order.
      detached: true,
    });
    const ready = Promise.withResolvers<string>();
    this.#url = ready.promise;
    this.#url.catch(() => undefined);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#log(line);
        this.#remember(line);
        const url = readyUrl(line);
        if (url !== undefined) ready.resolve(url);
      });
    }
    let notStarted: string | undefined;
    this.#process.on('error', (error) => {
      if (this.pid === undefined) notStarted = error.message; // 'close' follows
    });
    this.#exited = new Promise((resolve) => {
      // Not 'exit': what it said last may come after that.
      this.#process.once('close', (code, signal) => {
        const how = notStarted ?? signal ?? `exit code ${code}`;
        ready.reject(new Error(this.#obituary(how)));
        resolve(how);
        if (!this.#stopping) options.onUnexpectedExit(this);
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Where it listens, from its ready line. Rejects with its last words when it ends before that. */
  url(): Promise<string> {
    return this.#url;
  }

  /** SIGTERM, and SIGKILL when that does not help in time. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  /** How it ended: a signal, or an exit code in words. */
  ending(): Promise<string> {
    return this.#exited;
  }

  /** How it ended, with what it said last. */
  async lastWords(): Promise<string> {
    return this.#obituary(await this.#exited);
  }

  /** Line by line, for ever: once a full disk has room again, so has the log. */
  #log(line: string): void {
    try {
      appendFileSync(this.options.logFile, `${line}\n`);
      this.#logLost = false;
    } catch (error) {
      const { name, logFile, onTrouble } = this.options;
      if (!this.#logLost)
        onTrouble(
          `The log of ${name} (${logFile}) cannot be written; what it says meanwhile is lost: ${messageOf(error)}`,
        );
      this.#logLost = true;
    }
  }

  #remember(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > 15) this.#lastLines.shift();
  }

  #obituary(how: string): string {
    const { name, logFile } = this.options;
    return `${name} ended (${how}). Its log is ${logFile}; the last lines:\n${this.#lastLines.map((line) => `  ${line}`).join('\n')}`;
  }
}

/** Every process of the stack prints one line {"ready":true,"url":…} when it listens. */
function readyUrl(line: string): string | undefined {
  if (!line.startsWith('{"ready":true')) return undefined;
  const { url } = JSON.parse(line) as { url?: unknown };
  return typeof url === 'string' ? url : undefined;
}

import { setTimeout as delay } from 'node:timers/promises';
import { fetch } from 'undici';
import { kindOf, type PlannedFault } from './fault-plan.js';

/** What a simulated server has counted since it was started first. */
export interface ServerCounters {
  readonly promptsPosted: number;
  readonly promptsExecuted: Readonly<Record<string, number>>;
  readonly faultsStruck: Readonly<Record<string, number>>;
}

interface OnServer {
  readonly fault: PlannedFault;
  readonly before: ServerCounters;
}

/** Strikes servers with planned faults, one at a time on each, starts those again that need it, and tells which faults struck. */
export class FaultStriker implements AsyncDisposable {
  readonly #servers: readonly string[];
  readonly #on = new Map<number, OnServer>();
  readonly #pending = new Set<Promise<void>>();
  readonly #over = new AbortController();
  readonly #struck: string[] = [];
  readonly #missed: string[] = [];

  constructor(servers: readonly string[]) {
    this.#servers = servers;
  }

  /** Kinds of the faults that struck a prompt, or lay on a server that was given one; those that are on now are not judged yet. */
  get struck(): readonly string[] {
    return this.#struck;
  }

  /** Kinds of those that met nothing before they were taken away. */
  get missed(): readonly string[] {
    return this.#missed;
  }

  async strike(fault: PlannedFault): Promise<void> {
    const { server, faults, restartAfterMs } = fault;
    await this.#takeAway(server);
    this.#on.set(server, { fault, before: await countersOf(this.#url(server)) });
    await post(`${this.#url(server)}/simulator/faults`, faults);
    if (restartAfterMs === undefined) return;
    const restart = delay(restartAfterMs, undefined, { signal: this.#over.signal })
      .then(async () => void (await post(`${this.#url(server)}/simulator/restart`, { down_ms: 500 })))
      .catch(() => undefined)
      .finally(() => this.#pending.delete(restart));
    this.#pending.add(restart);
  }

  /** From now on the servers are well, and every fault is judged. */
  async cure(): Promise<void> {
    await Promise.all(this.#pending);
    for (const server of this.#servers.keys()) await this.#takeAway(server);
    for (const url of this.#servers) await post(`${url}/simulator/restart`, { down_ms: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#pending);
  }

  #url(server: number): string {
    return this.#servers[server] ?? '';
  }

  async #takeAway(server: number): Promise<void> {
    const left = await post(`${this.#url(server)}/simulator/faults`, {});
    const on = this.#on.get(server);
    if (on !== undefined) {
      const hasStruck = hasMet(on, left, await countersOf(this.#url(server)));
      (hasStruck ? this.#struck : this.#missed).push(kindOf(on.fault));
      this.#on.delete(server);
    }
    await post(`${this.#url(server)}/simulator/faults`, NONE);
  }
}

/** @param left the server's switches now: what strikes a number of times is counted down there */
function hasMet({ fault, before }: OnServer, left: Readonly<Record<string, unknown>>, now: ServerCounters): boolean {
  const { faults } = fault;
  const kind = kindOf(fault);
  if ('atPrompt' in faults) return (now.faultsStruck[kind] ?? 0) > (before.faultsStruck[kind] ?? 0);
  if ('cutPromptAnswers' in faults) return left['cutPromptAnswers'] === 0;
  if ('tornFiles' in faults) return left['tornFiles'] === null;
  return now.promptsPosted > before.promptsPosted;
}

const NONE = {
  cutPromptAnswers: 0,
  tornFiles: null,
  lostEvents: null,
  latencySpikes: null,
  stalledReader: false,
  historyDelayMs: 0,
  nanInHistory: false,
  statusLie: false,
  withoutJobs: false,
  withoutJobCancel: false,
  refuseNewPrompts500: false,
  atPrompt: [],
} as const;

/** @throws Error when the server does not answer for 10 s */
export async function countersOf(url: string): Promise<ServerCounters> {
  return (await asked(`${url}/simulator/counters`, { method: 'GET' })) as ServerCounters;
}

/** @returns the answer's body; empty where there is none */
async function post(url: string, body: object): Promise<Readonly<Record<string, unknown>>> {
  const headers = { 'content-type': 'application/json' };
  return (await asked(url, { method: 'POST', headers, body: JSON.stringify(body) })) as Record<string, unknown>;
}

/** A server that refuses connections just now is asked again. */
async function asked(url: string, init: Parameters<typeof fetch>[1]): Promise<unknown> {
  for (let tries = 1; ; tries += 1) {
    try {
      const response = await fetch(url, init);
      const text = await response.text();
      if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
      return text === '' ? {} : JSON.parse(text);
    } catch (error) {
      if (tries === 40) throw error;
      await delay(250);
    }
  }
}

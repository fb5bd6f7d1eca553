import { restartEvidence, type ComfyClient, type RestartEvidence } from '@anime/comfyui-client';
import { isProblem } from '@anime/problem-details';
import type { ServerSince } from '../domain/attempt/vanishing.js';

/** So many of the prompts that it has shown are remembered. */
const KEPT = 4;

/**
 * What a server has shown since it was started, to see when it was started anew: queue, history and count live in its memory
 * only (contract of ComfyUI §6). What is kept per start (its node definitions, the inputs that were sent, its environment) asks for `boot`.
 */
export class ServerMemory {
  readonly #client: ComfyClient;
  #boot = 1;
  #highestNumber: number | null = null;
  /** The last prompts that it has shown, the newest at the end. */
  #shown: readonly string[] = [];
  #evidence: RestartEvidence['kind'] | null = null;
  readonly #listeners: ((evidence: RestartEvidence['kind'] | null) => void)[] = [];

  constructor(client: ComfyClient) {
    this.#client = client;
  }

  /** Which start of the server this is, as far as it was noticed; from 1. */
  get boot(): number {
    return this.#boot;
  }

  /** Calls back when the server was restarted, or may have been: then without evidence. */
  onRestart(listener: (evidence: RestartEvidence['kind'] | null) => void): void {
    this.#listeners.push(listener);
  }

  /** The server has taken a prompt of ours and given it this number. */
  noteQueued(number: number | null): void {
    const evidence = restartEvidence({ highestNumber: this.#highestNumber, known: [] }, { number });
    if (evidence !== undefined) this.#restarted(evidence.kind);
    if (number !== null) this.#highestNumber = number;
  }

  /** The prompt has ended, so it is in the history. */
  noteEnded(promptId: string): void {
    this.#shown = [...this.#shown.filter((known) => known !== promptId), promptId].slice(-KEPT);
  }

  /**
   * The server answers again after it did not. Without anything to know it by, it counts as restarted. So does one whose history
   * was cleared: that costs only that things are read anew, and nothing else may hang on it.
   * @throws ProblemError `comfyui-unavailable`: it must be told again
   */
  async noteBack(): Promise<void> {
    if (this.#shown.length === 0 || (await this.#hasForgotten(this.#shown)))
      this.#restarted(this.#shown.length === 0 ? null : 'all-forgotten');
  }

  /**
   * What else the server tells now that a prompt of ours is gone.
   * @param boot the start of the server at which it was sent
   */
  async afterVanished(promptId: string, boot: number): Promise<ServerSince> {
    if (this.#boot > boot) return this.#evidence;
    const others = this.#shown.filter((known) => known !== promptId);
    if (others.length === 0) {
      this.#restarted(null);
      return null;
    }
    try {
      if (!(await this.#hasForgotten(others))) return 'others-known';
    } catch (error) {
      if (isProblem(error, 'comfyui-unavailable')) return null;
      throw error;
    }
    this.#restarted('all-forgotten');
    return 'all-forgotten';
  }

  #restarted(kind: RestartEvidence['kind'] | null): void {
    this.#boot += 1;
    this.#highestNumber = null;
    this.#shown = [];
    this.#evidence = kind;
    for (const listener of this.#listeners) listener(kind);
  }

  async #hasForgotten(known: readonly string[]): Promise<boolean> {
    const looks = await Promise.all(
      known.map(async (promptId) => ({ promptId, look: await this.#client.look(promptId) })),
    );
    const absent = looks.filter(({ look }) => look.state === 'absent').map(({ promptId }) => promptId);
    return restartEvidence({ highestNumber: null, known }, { absent }) !== undefined;
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import type { EventData, WorkflowRegisteredV2 } from '@anime/contracts';
import { messageOf } from '@anime/problem-details';
import { readTemplateFolder, type TemplateFile } from './template-files.js';

export interface TemplateRegistrationDeps {
  readonly folder: string;
  readonly register: (template: TemplateFile) => Promise<EventData<typeof WorkflowRegisteredV2>>;
  /** True when the same registration may succeed later. */
  readonly isTemporary: (error: unknown) => boolean;
  readonly onRegistered: (data: EventData<typeof WorkflowRegisteredV2>) => void;
  readonly onFault: (message: string) => void;
}

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 5_000;

const NOT_READ = 'the templates have not been read yet';

/**
 * Registers the built-in templates at start, and again when the log was replaced, in the background: a log that is away
 * holds up neither the start nor, once it is back, the registration.
 */
export class TemplateRegistration {
  readonly #deps: TemplateRegistrationDeps;
  #faults: string[] = [];
  #waitingFor: string | undefined = NOT_READ;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: TemplateRegistrationDeps) {
    this.#deps = deps;
  }

  /** For readiness: what is not registered, and why. */
  check(): { readonly ok: boolean; readonly reason: string | null } {
    const reasons = [...this.#faults, ...(this.#waitingFor === undefined ? [] : [this.#waitingFor])];
    return reasons.length === 0 ? { ok: true, reason: null } : { ok: false, reason: reasons.join('; ') };
  }

  /**
   * Ends when every template is registered or refused, or when the signal aborts. May be called again, also while it runs:
   * what is registered already is not registered twice. Does not throw.
   */
  run(signal: AbortSignal): Promise<void> {
    this.#running = this.#running.then(() => this.#run(signal));
    return this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#faults = [];
    this.#waitingFor = NOT_READ;
    const { templates, faults } = await readTemplateFolder(this.#deps.folder);
    for (const fault of faults) this.#fault(fault);
    if (templates.length === 0) this.#fault(`there is no template in ${this.#deps.folder}`);
    for (const template of templates) await this.#register(template, signal);
    if (!signal.aborted) this.#waitingFor = undefined;
  }

  async #register(template: TemplateFile, signal: AbortSignal): Promise<void> {
    const { id, version } = template.manifest;
    for (let wait = FIRST_RETRY_MS; !signal.aborted; wait = Math.min(wait * 2, LAST_RETRY_MS)) {
      try {
        this.#deps.onRegistered(await this.#deps.register(template));
        return;
      } catch (error) {
        const message = `${id}@${version} is not registered: ${messageOf(error)}`;
        if (!this.#deps.isTemporary(error)) return this.#fault(message);
        this.#waitingFor = message;
      }
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  #fault(message: string): void {
    this.#faults.push(message);
    this.#deps.onFault(message);
  }
}

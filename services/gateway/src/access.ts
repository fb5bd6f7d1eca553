import { Doorkeeper, KeyRing, keyRingRow, localUser, watchKeyRing, type Caller } from '@anime/api-keys';
import { KEY_USE_BUCKET } from '@anime/event-store';
import { KvEntries, type ProcessRow } from '@anime/messaging';
import { ProblemError } from '@anime/problem-details';
import type { SubjectKeys } from '@anime/sealed-fields';
import type { ServiceParts } from '@anime/service-runtime';
import type { Provider } from '@nestjs/common';
import { KeyUse } from './adapters/nats/key-use.js';
import { KeyCommands } from './commands/key-commands.js';
import type { GatewayConfig } from './config.js';
import { KeyQueries } from './queries/key-queries.js';

export interface AccessDeps {
  readonly config: Pick<GatewayConfig, 'HOST' | 'ANIME_LOCAL_USER' | 'ANIME_STUDIO'>;
  readonly service: Pick<ServiceParts, 'log' | 'logger' | 'readiness'>;
  readonly subjectKeys: Pick<SubjectKeys, 'seal'>;
  /** The time, as an instant. */
  readonly now: () => string;
  readonly stopping: AbortSignal;
}

/** Who may do what: the part of the composition that knows about keys. */
export interface Access {
  /** Reads the keys. */
  readonly row: ProcessRow;
  readonly doorkeeper: Doorkeeper;
  /** To be told of each caller that is let in. */
  readonly onCaller: (caller: Caller) => void;
  readonly providers: readonly Provider[];
  /**
   * Resolves once the gateway may serve; rejects with `configuration-invalid` when nobody could use it, as it needs keys and
   * the log has none. Waits while the log is away: until then the gateway takes no key.
   */
  readonly admission: Promise<void>;
}

/** @throws ProblemError `configuration-invalid` */
export function composeAccess({ config, service, subjectKeys, now, stopping }: AccessDeps): Access {
  const { log, logger, readiness } = service;
  const local = localUser(config);
  const ring = new KeyRing();
  const use = new KeyUse({
    entries: new KvEntries(log, KEY_USE_BUCKET),
    now,
    clock: () => performance.now(),
    onError: (reason) => logger.debug({ reason }, 'when a key was last used could not be written or read'),
  });
  void watchKeyRing(ring, log, stopping);
  readiness.add('api keys', () => {
    if (local !== undefined || !ring.caughtUp || ring.hasAdmin(now())) return { ok: true, reason: null };
    return { ok: true, reason: `none has the scope admin: ${REPAIR}` };
  });
  const admission = ring.known().then(() => {
    if (local === undefined && !ring.hasAdmin(now())) throw noKeys(config);
  });
  // Whoever runs the gateway looks at it; a test that does not may go on.
  admission.catch(() => undefined);
  return {
    row: keyRingRow(ring, log),
    doorkeeper: new Doorkeeper({ ring, local, now }),
    onCaller: ({ keyId }) => {
      if (keyId !== null) use.used(keyId);
    },
    providers: [
      { provide: KeyCommands, useValue: new KeyCommands({ log, subjectKeys, now }) },
      { provide: KeyQueries, useValue: new KeyQueries(ring, use) },
    ],
    admission,
  };
}

const REPAIR = 'npm run -s keys -w @anime/gateway -- create --admin';

function noKeys({ HOST, ANIME_LOCAL_USER }: AccessDeps['config']): ProblemError {
  const [path, why] =
    ANIME_LOCAL_USER === false ? ['ANIME_LOCAL_USER', 'is 0, so'] : ['HOST', `others reach ${HOST}, so`];
  const message = `${why} every request needs an API key, and no key has the scope admin: make one with \`${REPAIR}\`, then start it again`;
  return new ProblemError('configuration-invalid', 'nobody could use the gateway', { errors: [{ path, message }] });
}

/** One thing that befalls a simulated server while jobs run on it; `faults` as its POST /simulator/faults takes them. */
export interface PlannedFault {
  /** Which of the servers, from 0. */
  readonly server: number;
  readonly faults: Readonly<Record<string, unknown>>;
  /** The server does not come back by itself: it is started again after so many ms. */
  readonly restartAfterMs?: number;
}

/** What strikes one prompt, at its start, in its middle or at its end. */
const STRIKES = [
  { kind: 'drop-sockets' },
  { kind: 'lose-events' },
  { kind: 'node-exception', exception_type: 'RuntimeError', message: 'a node broke' },
  { kind: 'node-exception', exception_type: 'ConnectionResetError', message: 'Connection reset by peer' },
  { kind: 'out-of-memory' },
  { kind: 'interrupt' },
  { kind: 'stall-worker', ms: 1_500 },
  { kind: 'stall-http', ms: 1_500 },
  { kind: 'refuse-connections', ms: 2_000 },
  { kind: 'restart', ms: 1_000 },
] as const;
const MOMENTS = ['start', 'middle', 'end'] as const;

/** What is wrong with a server for a while. */
const CONDITIONS: readonly Readonly<Record<string, unknown>>[] = [
  { cutPromptAnswers: 1 },
  { tornFiles: { how: 'truncated', times: 1 } },
  { tornFiles: { how: 'empty', times: 1 } },
  { tornFiles: { how: 'deleted', times: 1 } },
  { tornFiles: { how: 'cut-download', times: 1 } },
  { lostEvents: { share: 0.5, seed: 1 } },
  { latencySpikes: { share: 0.1, ms: 800, seed: 1 } },
  { stalledReader: true },
  { historyDelayMs: 400 },
  { nanInHistory: true },
  { statusLie: true },
  { withoutJobs: true },
  { withoutJobCancel: true },
  { refuseNewPrompts500: true },
];

/** Only a restart cures these. */
const DEADLY = [
  { kind: 'worker-death', restartAfterMs: 25_000 },
  { kind: 'gpu-fault', restartAfterMs: 5_000 },
] as const;
/** So many faults lie between two that only a restart cures, which cost a server its time; the first comes early enough for a quick run. */
const BETWEEN_DEADLY = 20;
const FIRST_DEADLY = 4;

/**
 * Faults in a random order that the seed alone decides.
 * @param count how many
 */
export function faultPlan(seed: number, count: number, servers: number): readonly PlannedFault[] {
  const random = mulberry32(seed);
  const oneOf = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T; // never empty
  return Array.from({ length: count }, (_, index): PlannedFault => {
    const server = Math.floor(random() * servers);
    if (index % BETWEEN_DEADLY === FIRST_DEADLY) {
      const { kind, restartAfterMs } = oneOf(DEADLY);
      return { server, faults: { atPrompt: [{ kind, at: oneOf(MOMENTS) }] }, restartAfterMs };
    }
    return {
      server,
      faults: random() < 0.6 ? { atPrompt: [{ ...oneOf(STRIKES), at: oneOf(MOMENTS) }] } : oneOf(CONDITIONS),
    };
  });
}

/** What a fault is called where it is told of. */
export function kindOf({ faults }: Pick<PlannedFault, 'faults'>): string {
  const [[name, value] = ['none', undefined]] = Object.entries(faults);
  const parts: readonly unknown[] = Array.isArray(value) ? value : [value];
  const [part] = parts;
  if (typeof part !== 'object' || part === null) return name;
  if ('kind' in part) return String(part.kind);
  return 'how' in part ? `${name} ${String(part.how)}` : name;
}

/** The generator mulberry32 (Tommy Ettinger, public domain). @returns numbers in [0, 1) */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

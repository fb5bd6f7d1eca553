import { FAULT_MOMENTS, type Faults, type PromptFaultKind, type SimulatorOptions } from '@anime/comfyui-simulator';
import type { ImageWish } from '../test-studio.js';

export type Moment = (typeof FAULT_MOMENTS)[number];
/** `once`: it can befall an attempt at one moment only, before it begins or when its outputs are fetched. */
export type At = Moment | 'once';

/** What is done when the prompt has come to the moment at which its server sleeps. */
export type Act = 'cancel' | 'stop-reading' | 'answer-late' | 'crash';

/** What happens to the process of the executor while its prompts sleep. */
export type Fate = 'lives' | 'killed-and-back' | 'ended-and-back' | 'killed-for-good' | 'killed-and-back-late';

/** One job, on an executor and a server of its own, and what befalls it there. */
export interface Cell {
  readonly fault: string;
  readonly at: At;
  /** The server as it is from the beginning. */
  readonly server: Partial<SimulatorOptions>;
  /** Switched on when the job is assigned, and before its executor can take it. */
  readonly faults: Partial<Faults>;
  /** Memory of the GPU that is there from then on, in MiB; undefined: the one that was registered. */
  readonly otherGpuMb?: number;
  readonly act?: Act;
  readonly fate: Fate;
  /** What its request says beside a small picture. */
  readonly body: ImageWish;
  /** Of this kind one fault must have struck. */
  readonly strikes?: PromptFaultKind;
  /** True when what is not counted by kind is used up. */
  readonly isUsedUp?: (faults: Faults) => boolean;
  /** How often the server was given the prompt. */
  readonly posts: number;
  /** The whole trail, as `trailOf` words it. */
  readonly trail: string;
}

const BEGUN = 'requested, accepted, assigned(1)';
const DONE = 'organised, scored, gated, completed';
const ELSEWHERE = `assigned(2), started, executed, ${DONE}`;
const WELL = `${BEGUN}, started, executed, ${DONE}`;
const EXCEPTION = 'exceptionMessage exceptionType nodeId nodeType traceback';
const EXCEPTION_AND_MEMORY = 'exceptionMessage exceptionType memory nodeId nodeType traceback';
const CANCELLED = `${BEGUN}, started, cancel-requested, cancel-ordered`;

/** It failed, and the next attempt was made elsewhere. */
function again(failure: string, before = ''): string {
  const [why] = failure.split('/');
  const retry = why === 'oom' ? 'oom, memory freed' : `${why}, elsewhere`;
  return `${BEGUN}, started, ${before}attempt-failed{${failure}}, retry-scheduled{${retry}}, ${ELSEWHERE}`;
}
function declined(why: string): string {
  return `${BEGUN}, declined{${why}}, retry-scheduled{declined, elsewhere}, ${ELSEWHERE}`;
}
const LOST = `${BEGUN}, started, executor.lost, attempt-lost, retry-scheduled{executor-lost, elsewhere}, ${ELSEWHERE}`;

const always = (trail: string): Readonly<Record<Moment, string>> => ({ start: trail, middle: trail, end: trail });
/** The sampler looks whether it is to stop; at the end nobody does any more, and a prompt that has run has its outputs. */
const unlessAtTheEnd = (trail: string): Readonly<Record<Moment, string>> => ({ ...always(trail), end: WELL });

/** Longer than all that is done meanwhile takes; shorter than the limit of silence. */
const SLEEP_MS = 9_000;

interface Row {
  readonly trails: Readonly<Record<Moment, string>>;
  readonly kind?: PromptFaultKind;
  readonly ms?: number;
  readonly faults?: Partial<Faults>;
  readonly act?: Act;
  readonly fate?: Fate;
  readonly body?: Cell['body'];
  readonly isUsedUp?: NonNullable<Cell['isUsedUp']>;
}

/** @param silenceMs the executors' limit of silence, which some sleeps must outlast */
const rows = (silenceMs: number): Readonly<Record<string, Row>> => ({
  // What befalls a prompt on its server.
  'connections drop': { kind: 'drop-sockets', trails: always(WELL) },
  'events are lost': { kind: 'lose-events', trails: always(WELL) },
  'worker sleeps for a moment': { kind: 'stall-worker', ms: 300, trails: always(WELL) },
  'HTTP stalls': { kind: 'stall-http', ms: 300, trails: always(WELL) },
  'connections are refused': { kind: 'refuse-connections', ms: 300, trails: always(WELL) },
  'node raises': {
    kind: 'node-exception',
    trails: always(`${BEGUN}, started, attempt-failed{internal/execution-error: ${EXCEPTION}}, failed{internal}`),
  },
  'out of memory': {
    kind: 'out-of-memory',
    trails: always(again(`oom/execution-error: ${EXCEPTION_AND_MEMORY}`)),
  },
  'GPU fault': {
    kind: 'gpu-fault',
    trails: always(again(`gpu-fault/execution-error: ${EXCEPTION_AND_MEMORY}`, 'executor.drained{gpu-fault}, ')),
  },
  'somebody interrupts': { kind: 'interrupt', trails: unlessAtTheEnd(again('transient/interrupted')) },
  'server restarts': { kind: 'restart', trails: always(again('transient/vanished')) },
  'server dies for good': { kind: 'stall-worker', ms: SLEEP_MS, act: 'crash', trails: always(LOST) },
  'worker dies': {
    kind: 'worker-death',
    trails: always(again('transient/worker-stopped', 'executor.drained{worker-stopped}, ')),
  },
  'worker sleeps beyond the limit of silence': {
    kind: 'stall-worker',
    // Where nothing is heard of others either, it is three times the limit, and a margin.
    ms: 4 * silenceMs,
    trails: unlessAtTheEnd(again('transient/no-progress')),
  },
  'runs longer than it may': {
    kind: 'stall-worker',
    // On a busy machine, too, only the run that sleeps takes longer than it may; one that does not stop is given up 10 s later.
    ms: 20_000,
    body: { limits: { maxRunSeconds: 15 } },
    trails: unlessAtTheEnd(again('timeout/timeout')),
  },
  // What befalls the way between the two, from that moment on.
  'nobody hears events any more': { kind: 'stall-worker', ms: SLEEP_MS, act: 'stop-reading', trails: always(WELL) },
  'answers come late now and then': { kind: 'stall-worker', ms: SLEEP_MS, act: 'answer-late', trails: always(WELL) },
  'answer to the POST is lost': {
    kind: 'stall-worker',
    ms: 300,
    faults: { cutPromptAnswers: 1 },
    isUsedUp: ({ cutPromptAnswers }) => cutPromptAnswers === 0,
    trails: always(WELL),
  },
  // What befalls the attempt on this side while the server works on.
  cancel: {
    kind: 'stall-worker',
    ms: SLEEP_MS,
    act: 'cancel',
    trails: always(`${CANCELLED}, attempt-failed{cancelled/cancelled}, cancelled`),
  },
  'executor is killed, and started again': sleepingUnder('killed-and-back', WELL),
  'executor ends, and is started again': sleepingUnder('ended-and-back', WELL),
  'executor is killed, and stays away': sleepingUnder('killed-for-good', LOST),
  'executor is killed, and comes back too late': sleepingUnder('killed-and-back-late', `${LOST}, executor.recovered`),
});

function sleepingUnder(fate: Fate, trail: string): Row {
  return { kind: 'stall-worker', ms: SLEEP_MS, fate, trails: always(trail) };
}

const MODEL = 'simulated-anime-v1.safetensors';
/** 6.9 GB by its name, while its template says that it needs 4 GB. */
const LARGE = 'anime-xl.safetensors';

const torn = (how: 'truncated' | 'empty' | 'deleted' | 'cut-download', trail: string): Partial<Cell> => ({
  faults: { tornFiles: { how, times: 1 } },
  isUsedUp: ({ tornFiles }) => tornFiles === null,
  trail,
});

const ONCE: Readonly<Record<string, Partial<Cell>>> = {
  'node is missing': {
    server: { faults: { missingNodes: ['VAEDecode'] } },
    posts: 0,
    trail: declined('missing-node: nodeId nodeType response'),
  },
  'model is missing': {
    server: { faults: { missingModels: [MODEL] } },
    posts: 0,
    trail: declined('missing-model: nodeId nodeType response'),
  },
  'another GPU is there, too small': { otherGpuMb: 2_048, posts: 0, trail: declined('too-little-memory: memory') },
  'memory is held by others': {
    faults: { reservedVramMb: 8_000 },
    posts: 0,
    trail: declined('no-memory: memory'),
  },
  'memory is held by others, and more is needed than was said': {
    faults: { reservedVramMb: 2_500 },
    body: { checkpoint: LARGE },
    trail: again(`oom/execution-error: ${EXCEPTION_AND_MEMORY}`),
  },
  'server refuses what it is sent': {
    body: { sampler: 'no-such-sampler' },
    trail: `${BEGUN}, started, attempt-failed{invalid/submission-refused: httpStatus nodeId nodeType response}, failed{invalid}`,
  },
  'server restarts in the only attempt that it may have': {
    faults: { atPrompt: [{ kind: 'restart', at: 'middle' }] },
    strikes: 'restart',
    body: { limits: { maxAttempts: 1 } },
    trail: `${BEGUN}, started, attempt-failed{transient/vanished}, failed{transient}`,
  },
  'server answers the POST with 500': {
    faults: { refuseNewPrompts500: true },
    trail: again('transient/submission-refused: httpStatus response'),
  },
  'server answers and never runs': {
    faults: { zombieWorker: true },
    trail: again('transient/worker-stopped', 'executor.drained{worker-stopped}, '),
  },
  'file is truncated': torn('truncated', again('transient/output-torn: nodeId')),
  'file is empty': torn('empty', again('transient/output-torn: nodeId')),
  'file is deleted': torn('deleted', again('transient/output-missing: nodeId')),
  'download is cut': torn('cut-download', WELL),
};

/** All cells, row by row. @param silenceMs the executors' limit of silence */
export function cellsOf(silenceMs: number): readonly Cell[] {
  const ofMoments = Object.entries(rows(silenceMs)).flatMap(([fault, row]) =>
    FAULT_MOMENTS.map((at) => ({ ...cellOf(fault, at), ...ofRow(row, at) })),
  );
  return [...ofMoments, ...Object.entries(ONCE).map(([fault, cell]) => ({ ...cellOf(fault, 'once'), ...cell }))];
}

function cellOf(fault: string, at: At): Cell {
  return { fault, at, server: {}, faults: {}, fate: 'lives', body: {}, posts: 1, trail: WELL };
}

function ofRow({ trails, kind, ms, faults = {}, ...row }: Row, at: Moment): Partial<Cell> {
  if (kind === undefined) return { ...row, faults, trail: trails[at] };
  const atPrompt = [{ kind, at, ...(ms === undefined ? {} : { ms }) }];
  return { ...row, faults: { ...faults, atPrompt }, strikes: kind, trail: trails[at] };
}

import type { Plan } from './replay.js';

/** A plan with the name of its recording and what has to lie in the server's folders; the content `picture` is a PNG. */
export interface RecordingPlan extends Plan {
  readonly files: Readonly<Record<string, string>>;
}

const FRESH: RecordingPlan = {
  firstNumber: 0,
  keepCounters: true,
  leftOut: {},
  different: {},
  unordered: {},
  unheard: {},
  settled: {},
  corrected: {},
  events: {},
  files: {},
};

const plan = (changes: Partial<RecordingPlan>): RecordingPlan => ({ ...FRESH, ...changes });

const NO_FRONTEND = 'the simulator has no frontend and none of its data';
const NOT_ASKED = 'not served: it tells of the disk and the log of the machine, and no client of ours asks for that';
const SET_ORDER = 'follows the order of a Python set, which differs from run to run';
const EARLIER = 'shows prompts of recordings that ran before on the same server';
const HAS_RUN = 'what the prompt before made is there, some ms after it was posted and with no socket to tell';
const IS_IDLE = 'the probe prompt is said to have been executed, and nothing is queued';
const settled = (lines: readonly number[], reason: string): Readonly<Record<number, string>> =>
  Object.fromEntries(lines.map((line) => [line, reason]));
/** Sends the id that the server had drawn: of prompts with one number the lower id runs first. */
const withId = (promptId: string): readonly [string, string] => [
  '"prompt": {',
  `"prompt_id": "${promptId}", "prompt": {`,
];
const CHECKED_ELSEWHERE = 'all classes of the recorded installation; those that are served are compared one by one';

/** Every recording that is replayed. Data only: what is left out, and why, is what the summary prints. */
export const PLANS: Readonly<Record<string, RecordingPlan>> = {
  '10_get_endpoints': plan({
    files: { 'input/example.png': 'picture', 'output/_output_images_will_be_put_here': '' },
    leftOut: {
      ...Object.fromEntries([4, 5, 6, 40, 41, 44, 45, 52, 30].map((line) => [line, EARLIER])),
      ...Object.fromEntries([23, 24, 56].map((line) => [line, NO_FRONTEND])),
      ...Object.fromEntries([25, 26, 28, 29].map((line) => [line, NOT_ASKED])),
      27: `${NOT_ASKED}; of model files the simulator has only the names`,
      57: CHECKED_ELSEWHERE,
      60: CHECKED_ELSEWHERE,
    },
  }),
  '20_post_prompt_success': plan({
    keepCounters: false,
    unordered: { 31: 'jobs of the same millisecond are listed in the order of the heap' },
    settled: settled([2, 4, 6, 10, 34], HAS_RUN),
    corrected: {
      19: withId('3e560028-2320-426e-b6a1-3a452b34e134'),
      26: withId('964fd8e7-7b57-43b5-a40b-ad6e40d10c51'),
    },
  }),
  '30_post_prompt_failures': plan({
    firstNumber: 27,
    keepCounters: false,
    different: { 37: SET_ORDER, 42: 'current_inputs of the simulator has no hidden inputs' },
  }),
  '40_ws_sampling_full': plan({ keepCounters: false }),
  '41_ws_two_clients_feature_flags': plan({ firstNumber: 62, keepCounters: false }),
  '42_ws_errors_interrupt': plan({
    firstNumber: 66,
    keepCounters: false,
    corrected: { 58: ['"verbose": false', '"verbose": true'] },
  }),
  '43_ws_reconnect_and_shared_ids': plan({ firstNumber: 82, keepCounters: false }),
  '44_ws_subgraph_text_binary_outputs': plan({
    firstNumber: 1327,
    keepCounters: false,
    unordered: { 63: SET_ORDER },
  }),
  '50_queue_ops': plan({ firstNumber: 91, keepCounters: false, leftOut: { 180: EARLIER, 181: EARLIER } }),
  '60_files_upload_view': plan({
    firstNumber: 99,
    files: { 'output/web/x.html': '<b>hi</b>', 'output/web/x.svg': '<svg/>', 'output/web/x.json': '{}' },
  }),
  '61_png_metadata_prefix_counters': plan({
    firstNumber: 100,
    keepCounters: false,
    settled: settled([2, 5], HAS_RUN),
    files: { 'output/vw_00001_.png': 'picture' },
  }),
  '62_caching': plan({
    firstNumber: 129,
    keepCounters: false,
    files: { 'input/up.png': 'picture' },
    events: { 31: { deleted: 'output/ca_00001_.png' } },
    different: { 55: 'a cached output keeps the meta of the node that made it; the simulator writes it anew' },
  }),
  '66_upload_raw_multipart': plan({
    firstNumber: 11435,
    keepCounters: false,
    leftOut: { 13: 'lists files that other recordings uploaded' },
  }),
  '67_slot_minus_one': plan({ firstNumber: 11937 }),
  '70_kill_restart': plan({ events: { 54: 'crash', 58: 'restart', 102: 'crash', 105: 'restart' } }),
  '72_sigint': plan({ events: { 21: 'crash' } }),
  '90_hazards': plan({
    keepCounters: false,
    settled: settled([14, 20, 38, 45, 51, 56, 61, 66, 71, 76, 86, 92], IS_IDLE),
    events: { 10: 'restart', 16: 'restart', 33: 'restart', 68: 'restart', 73: 'restart', 78: 'restart', 83: 'restart' },
  }),
};

/** Recordings that are not replayed at all. */
export const NOT_REPLAYED: Readonly<Record<string, string>> = {
  '45_success_vs_history_race': 'figures only: `historyDelayMs` makes the race, with a test of its own',
  '63_size_limits': 'figures only; the 413 has a test of its own',
  '64_assets_enabled': 'the server was started with --enable-assets',
  '65_cache_modes': 'four servers with other cache flags, whose requests were not recorded',
  '71_history_max': 'figures only; the limit has a test of its own',
  '80_throughput': 'figures only',
  '91_stalled_ws_consumer': 'a raw socket that never reads; replayed by a test of its own',
};

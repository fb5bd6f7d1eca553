import type { BenchRow } from '../row.js';
import { append } from './append.js';
import { blobs } from './blobs.js';
import { catchUp } from './catch-up.js';
import { chain } from './chain.js';
import { executor } from './executor.js';
import { idle } from './idle.js';
import { post } from './post.js';
import { progress } from './progress.js';
import { soak } from './soak.js';

/** Every row of the table, in its order. A new one is a file beside these and a line here. */
export const ROWS: readonly BenchRow[] = [append, catchUp, post, chain, blobs, progress, idle, executor, soak];

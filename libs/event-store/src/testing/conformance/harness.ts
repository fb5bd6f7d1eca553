import type { ContractCatalogue } from '@anime/contracts';
import type { EventLog } from '../../event-log.js';
import type { RawMessage } from '../../memory/memory-storage.js';

/** One empty log under test, and the ways past its front door. */
export interface ConformanceLog {
  /** Reads with SAMPLED_V2 as its catalogue. */
  readonly log: EventLog;
  readonly root: string;
  /** Stores a message as it is; returns its position. */
  readonly putRaw: (message: RawMessage) => Promise<number>;
  /** The same log seen by a reader with another catalogue. */
  readonly readBy: (catalogue: ContractCatalogue) => EventLog;
}

/** Makes an empty log, once for each test. */
export type ConformanceFactory = () => Promise<ConformanceLog>;

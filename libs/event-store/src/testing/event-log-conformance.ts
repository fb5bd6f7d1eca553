import { describe } from '@jest/globals';
import { appendCases } from './conformance/append-cases.js';
import { followCases } from './conformance/follow-cases.js';
import type { ConformanceFactory } from './conformance/harness.js';
import { lastEventCases } from './conformance/last-event-cases.js';
import { readCases } from './conformance/read-cases.js';

export type { ConformanceFactory, ConformanceLog } from './conformance/harness.js';

/** The behaviour that every implementation of EventLog must have. For Jest only. */
export function runEventLogConformance(name: string, factory: ConformanceFactory): void {
  describe(`${name} as an event log`, () => {
    describe('append', () => appendCases(factory));
    describe('read', () => readCases(factory));
    describe('the last event of a subject', () => lastEventCases(factory));
    describe('follow', () => followCases(factory));
  });
}

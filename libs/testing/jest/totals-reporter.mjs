// Writes how many tests passed and failed to the file that ANIME_TEST_TOTALS names, for the one line at the end of `npm test`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export default class TotalsReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.ANIME_TEST_TOTALS;
    if (file === undefined) return;
    mkdirSync(dirname(file), { recursive: true });
    // A suite that could not even run has no failed test, but is not to be passed over.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    writeFileSync(file, JSON.stringify({ passed: results.numPassedTests, failed }));
  }
}

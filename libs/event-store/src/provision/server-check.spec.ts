import { describe, expect, it } from '@jest/globals';
import { checkServerVersion } from './server-check.js';

describe('checkServerVersion', () => {
  it.each(['2.11.0', '2.11.6', '2.12.0-RC.1', '2.15.1', '3.0.0', 'v2.11.6'])('takes %s', (version) => {
    expect(() => checkServerVersion(version)).not.toThrow();
  });

  it.each(['2.9.10', '2.10.27', '1.4.1', 'unknown', ''])('refuses %j in one sentence', (version) => {
    const refused = (): void => checkServerVersion(version);
    expect(refused).toThrow(
      expect.objectContaining({
        code: 'log-incompatible',
        message: `nats-server ${version} is too old: 2.11 or newer is needed.`,
      }),
    );
  });
});

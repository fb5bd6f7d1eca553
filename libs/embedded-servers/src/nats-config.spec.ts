import { describe, expect, it } from '@jest/globals';
import { renderNatsConfig } from './nats-config.js';

const options = {
  name: 'test',
  port: -1,
  portsFolder: '/data/ports',
  storeFolder: '/data',
  jetstream: true,
  syncAlways: false,
  storeMaxBytes: undefined,
  extraConfig: undefined,
};

describe('the configuration of nats-server', () => {
  it('writes each JetStream setting on a line of its own, because the parser wants commas on one line', () => {
    const config = renderNatsConfig({ ...options, syncAlways: true, storeMaxBytes: 1_048_576 });
    expect(config).toContain(
      'jetstream {\n  store_dir: "/data"\n  sync_interval: always\n  max_file_store: 1048576\n}\n',
    );
  });

  it('quotes folders with blanks and quotation marks', () => {
    expect(renderNatsConfig({ ...options, storeFolder: '/my "data"' })).toContain('store_dir: "/my \\"data\\""');
  });

  it('leaves JetStream out when it is not wanted', () => {
    expect(renderNatsConfig({ ...options, jetstream: false })).not.toContain('jetstream');
  });
});

export interface NatsConfigOptions {
  readonly name: string;
  /** -1 lets the server choose; it then writes the port into `portsFolder`. */
  readonly port: number;
  readonly portsFolder: string;
  readonly storeFolder: string;
  readonly jetstream: boolean;
  readonly syncAlways: boolean;
  readonly storeMaxBytes: number | undefined;
  readonly extraConfig: string | undefined;
}

/** The configuration file of a single nats-server on loopback. One setting per line: on one line the parser wants commas. */
export function renderNatsConfig(options: NatsConfigOptions): string {
  const lines = [
    `server_name: ${quote(options.name)}`,
    'host: "127.0.0.1"',
    `port: ${options.port}`,
    `ports_file_dir: ${quote(options.portsFolder)}`,
  ];
  if (options.jetstream) {
    lines.push('jetstream {', `  store_dir: ${quote(options.storeFolder)}`);
    if (options.syncAlways) lines.push('  sync_interval: always');
    if (options.storeMaxBytes !== undefined) lines.push(`  max_file_store: ${options.storeMaxBytes}`);
    lines.push('}');
  }
  if (options.extraConfig !== undefined) lines.push(options.extraConfig);
  return `${lines.join('\n')}\n`;
}

/** JSON's escapes of quote, backslash and line ends are also those of nats-server's configuration strings. */
function quote(text: string): string {
  return JSON.stringify(text);
}
